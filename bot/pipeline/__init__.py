"""The flow, one step a module. Each asks the database what is due, decides with its
stage, writes, and wakes the next.

    poll    due sources    → fetch → parse → documents
    hubs    subscriptions  → requests to WebSub hubs; the documents that hubs push
    ingest  documents      → entries, new or seen                           (with their validators, in one transaction)
    pages   new entries    → fetch → read → their whole articles            (of sources that are read in full)
    match   new entries    → which story → which unique queries → hits      (marked with the queries' version)
    alert   new hits       → chats that want them at once → deliveries      (with what they tell)
    digest  due chats      → what they are owed → deliveries                (unique by chat, kind and period)
    send    deliveries     → claim → Telegram → mark
    tidy    old rows       → removed in small chunks

Beside the flow: `week` indexes the last seven days for those who ask (`search`, `advice`), `aliases` keeps every
process to the names that are one, `clockwise` puts right what a wrong clock dated, `backup` copies the database,
`notice` tells admins, `items` reads what a message shows.

In: the database and the stages. Out: rows. Nothing here knows a command, a button or the configuration file. A crash
between any two statements repeats work or leaves it for the next look; it loses none.
"""
