"""What the tests read of a SentencePiece model: its pieces with their scores and its map of characters."""

import struct
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class SentencePieceModel:
    pieces: list = field(default_factory=list)  # (text, score)
    charsmap: bytes = b""


def fields(message):
    """The numbers and values of a protobuf message's fields."""
    position = 0

    def number():
        nonlocal position
        value = shift = 0
        while True:
            byte = message[position]
            position += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while position < len(message):
        key = number()
        if key & 7 == 0:
            yield key >> 3, number()
            continue
        size = {1: 8, 5: 4}.get(key & 7) or number()
        yield key >> 3, message[position:position + size]
        position += size


def read_model(path):
    model = SentencePieceModel()
    for number, value in fields(Path(path).read_bytes()):
        if number == 1:
            piece = dict(fields(value))
            model.pieces.append((piece[1].decode(), struct.unpack("<f", piece.get(2, bytes(4)))[0]))
        elif number == 3:
            model.charsmap = dict(fields(value)).get(2, b"")
    return model
