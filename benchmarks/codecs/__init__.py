"""A small codec for each protocol that is measured."""

from __future__ import annotations

from benchmarks.codecs.base import Codec
from benchmarks.codecs.imserver import ImserverCodec
from benchmarks.codecs.mqtt import MqttCodec
from benchmarks.codecs.nats import NatsCodec
from benchmarks.codecs.redis import RedisCodec
from benchmarks.codecs.websocket import WebsocketCodec

CODECS: dict[str, Codec] = {
    "imserver": ImserverCodec(),
    "mqtt": MqttCodec(),
    "nats": NatsCodec(),
    "redis": RedisCodec(),
    "websocket": WebsocketCodec(),
}
