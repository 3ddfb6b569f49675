"""Weights of `.caffemodel` files, read as protocol buffers of which only the fields with weights are described.

The numbers of fields are those of Caffe's file format; a message keeps unknown fields to itself, so whatever else a
branch of Caffe writes (new layer types, their parameters) does not matter.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from torch import Tensor

from bench.errors import UserError

_KINDS = descriptor_pb2.FieldDescriptorProto
_INT64, _FLOAT, _STRING, _MESSAGE = _KINDS.TYPE_INT64, _KINDS.TYPE_FLOAT, _KINDS.TYPE_STRING, _KINDS.TYPE_MESSAGE

# name: (field, its number, its kind or message, whether there may be many)
_MESSAGES: dict[str, tuple[tuple[str, int, Any, bool], ...]] = {
    "Shape": (("dim", 1, _INT64, True),),
    "Blob": (("shape", 7, "Shape", False), ("data", 5, _FLOAT, True)),
    "Layer": (("name", 1, _STRING, False), ("type", 2, _STRING, False), ("blobs", 7, "Blob", True)),
    "Net": (("name", 1, _STRING, False), ("layer", 100, "Layer", True)),
}


def load(path: Path) -> dict[str, list[Tensor]]:
    """The tensors of each layer that has any, by its name: float32, weights (out, in, …) before biases (out,).

    Raises:
        UserError: if the file cannot be read, or there are no layers of today's format with weights in it.
    """
    net = _net()()
    try:
        net.ParseFromString(path.read_bytes())
    except (OSError, DecodeError) as error:
        raise UserError(f"{path}: can't be read as a .caffemodel ({str(error)[:120]}).") from None
    layers = {layer.name: [_tensor(blob, path) for blob in layer.blobs] for layer in net.layer if layer.blobs}
    if not layers:
        raise UserError(f"{path}: there is no layer with weights in it.")
    return layers


def _tensor(blob: Any, path: Path) -> Tensor:
    values = torch.tensor(blob.data, dtype=torch.float32)
    shape = tuple(blob.shape.dim)
    if values.numel() != torch.Size(shape).numel():
        raise UserError(f"{path}: {values.numel()} weights do not fill a tensor of {'x'.join(map(str, shape))}.")
    return values.view(shape)


@cache
def _net() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="reprune/caffemodel.proto", package="reprune.caffe", syntax="proto2")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind, many in fields:
            described = message.field.add(name=field, number=number)
            described.label = _KINDS.LABEL_REPEATED if many else _KINDS.LABEL_OPTIONAL
            described.type = _MESSAGE if isinstance(kind, str) else kind
            if isinstance(kind, str):
                described.type_name = f".reprune.caffe.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("reprune.caffe.Net"))
