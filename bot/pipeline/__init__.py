"""Pipeline: one step a module. Each queries what is due, decides with its stage, writes, and wakes the next.

    poll    due sources    → fetch → parse → documents
    hubs    subscriptions  → requests to WebSub hubs; the documents that hubs push
    ingest  documents      → entries, new or seen                           (with their validators, in one transaction)
    pages   new entries    → fetch → read → their whole articles            (of sources that are read in full)
    match   new entries    → which story → which unique queries → hits      (marked with the queries' version)
    alert   new hits       → instant subscribers → deliveries               (with the items they report)
    digest  due chats      → pending hits → deliveries                      (unique by chat, kind and period)
    send    deliveries     → claim → Telegram → mark
    tidy    old rows       → removed in small chunks

Beside the flow: `aliases` caches the groups of equal names, `clock_repair` resets timestamps of a wrong clock, `backup`
copies the database, `notice` informs admins, `items` reads the entries a message shows.

In: the database and the stages. Out: rows. Not here: commands, buttons, the configuration file. A crash between any
two statements repeats work or leaves it for the next tick; it loses none.
"""
