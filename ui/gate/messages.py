"""The messages of a browser to Streamlit, as far as the gate reads them."""

from google.protobuf.message import DecodeError
from streamlit.proto.BackMsg_pb2 import BackMsg


def is_a_click(data: bytes) -> bool:
    """Return whether a person did something: a part of a page that looks again by itself, and a
    sign of life, are nothing that anybody did."""
    message = _read(data)
    if message is None or message.WhichOneof("type") != "rerun_script":
        return False
    return not message.rerun_script.is_auto_rerun


def ask_anew(data: bytes) -> bytes | None:
    """Return the message that asks for the whole page of this one again, without what was clicked
    or typed; None where the message asks for no page."""
    message = _read(data)
    if message is None or message.WhichOneof("type") != "rerun_script":
        return None
    asked, anew = message.rerun_script, BackMsg()
    anew.rerun_script.query_string = asked.query_string
    anew.rerun_script.page_script_hash = asked.page_script_hash
    anew.rerun_script.page_name = asked.page_name
    anew.rerun_script.context_info.CopyFrom(asked.context_info)
    return bytes(anew.SerializeToString())


def _read(data: bytes) -> BackMsg | None:
    message = BackMsg()
    try:
        message.ParseFromString(data)
    except DecodeError:
        return None
    return message
