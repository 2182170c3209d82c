"""XMP: properties that are wrong for a repainted photo, or private, are removed; how the picture was made is added."""

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
_RDF_END: Final = "</rdf:RDF>"
_SOURCE_TYPE_ATTRIBUTE: Final = re.compile(r"\s[\w.-]+:DigitalSourceType\s*=\s*(?:\"[^\"]*\"|'[^']*')")
_SOURCE_TYPE_ELEMENT: Final = re.compile(r"<([\w.-]+:DigitalSourceType)\b[^>]*?(?:/>|>.*?</\1\s*>)", re.DOTALL)
_EMPTY_PACKET: Final = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
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


def with_digital_source_type(packet: bytes | None, term: str) -> bytes:
    """Return a packet that states how the picture was made, in place of the source's statement.

    packet: UTF-8 XMP, as from `cleaned`; None for a new one. term: of the IPTC vocabulary, such as
    "algorithmicallyEnhanced". Source: IPTC Photo Metadata Standard, Digital Source Type.
    """
    text = _EMPTY_PACKET if packet is None else packet.decode("utf-8")
    text = _SOURCE_TYPE_ELEMENT.sub("", _SOURCE_TYPE_ATTRIBUTE.sub("", text))
    if _RDF_END not in text:
        text = _EMPTY_PACKET
    statement = (
        '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
        f"<Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/{term}"
        "</Iptc4xmpExt:DigitalSourceType></rdf:Description>"
    )
    before, end, after = text.rpartition(_RDF_END)
    return (before + statement + end + after).encode("utf-8")
