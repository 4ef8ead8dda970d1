"""A model of state that is no message: server, network, applications, and a judge. The client's rules in it are the product's.

One server commits in order and pushes to each session in commit order through a small window; the first push that finds it
full makes the session `lagging`. Reads take their snapshot when they are worked on and are answered later. Sessions detach,
resume and are lost; clients are killed and come back from what they saved. Each value carries a hidden version, at which only
the judge looks.
"""
