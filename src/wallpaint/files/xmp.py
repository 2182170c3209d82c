"""XMP: properties that are wrong for a repainted photo, or private, and are removed."""

from __future__ import annotations

import re
from typing import Final

MAX_PACKET_BYTES: Final = 4 * 2**20

_GAIN_MAP: Final = (b"hdrgm", b"hdr-gain-map", b"HDRGainMap", b"GainMap")
# Other words of packets that describe companions of the picture in the same file: motion photos, depth.
_COMPANIONS: Final = (*_GAIN_MAP, b"Container:Directory", b"MotionPhoto", b"MicroVideo", b"GDepth", b"GImage")
_LOCATION: Final = (
    r"(?:GPS\w*|[Ll]ocation\w*|City|State|Country\w*|ProvinceState|Sublocation|WorldRegion|GeoTag\w*|geo\w*)"
)
_ATTRIBUTE: Final = re.compile(rf"\s[\w.-]+:{_LOCATION}\s*=\s*(?:\"[^\"]*\"|'[^']*')")
_ELEMENT: Final = re.compile(rf"<([\w.-]+:{_LOCATION})\b[^>]*?(?:/>|>.*?</\1\s*>)", re.DOTALL)
_ORIENTATION: Final = re.compile(r"(tiff:Orientation\s*(?:=\s*[\"']|>)\s*)\d")


def announces_gain_map(packet: bytes | None) -> bool:
    """Whether a packet says that the file holds an HDR gain map."""
    return packet is not None and any(word in packet for word in _GAIN_MAP)


def cleaned(packet: bytes, *, strip_location: bool) -> bytes | None:
    """A copy that fits an upright picture without companions; None where the packet is better left out.

    strip_location: take out GPS and place names; a packet that still mentions a position is left out whole.
    """
    if len(packet) > MAX_PACKET_BYTES or any(word in packet for word in _COMPANIONS):
        return None
    try:
        text = packet.rstrip(b"\0").decode("utf-8")
    except UnicodeDecodeError:
        return None
    text = _ORIENTATION.sub(r"\g<1>1", text)
    if strip_location:
        text = _ELEMENT.sub("", _ATTRIBUTE.sub("", text))
        if re.search(r"gps|latitude|longitude|geo:", text, re.IGNORECASE):
            return None
    return text.encode("utf-8")
