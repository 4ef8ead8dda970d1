"""The torture run: a real server and real client processes on a bad network, killed and stopped again and again.

`run` puts it together. One process directs (`director`, `network_faults`, `client_pool`); the clients live in others
(`client_process`, `actor`, `talker`) and record what they receive (`client_journal`); the checker compares the records with
the database (`verdict`).

Some of these processes run the JavaScript client: `clients/js/torture` does there what the files named here do, by the same
orders, and writes the same journal.
"""
