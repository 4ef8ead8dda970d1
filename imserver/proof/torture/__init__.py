"""The torture run: a real server and real client processes on a bad network, killed and stopped again and again.

`run` puts it together. One process directs (`director`, `weather`, `company`); the clients live in others (`client_process`,
`actor`, `talker`, `customer`) and write down what they were told (`book`), which the checker holds against the database
(`verdict`).
"""
