"""A model of older copies of the database that come back: server, devices, applications, and a judge.

The database is a log of entries: rows of its lineage, which take no change number, and operations, which take one each. A
copy is the beginning of a log, and to put it back is to go on from there. Devices talk to the server in sessions whose pushes
come in order and whose answers may come late; they are killed, and come back from what they saved, sometimes from an older
save. Every message carries a hidden number, at which only the judge looks. What decides, at the server and in the devices, are
the product's own rules: `imserver.store.engine.lineage`, and `lineage` and `state` of `imserver_client.core`.
"""
