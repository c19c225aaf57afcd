"""HTTP: fetches documents from servers that nobody trusts, within limits of time, size and address.

In: an address, and the validators of the last answer. Out: a `Fetched` document, or a `SourceError`.

- fetch.py        one request, its redirects and its limits
- guard.py        which addresses may be reached, checked when the connection is made
- resolve.py      host names, looked up within a time limit
- compression.py  bodies, inflated within a limit of size
- headers.py      caching and retry headers
- robots.py       robots.txt (RFC 9309)
"""
