"""What Schemathesis cannot know from the description: NDJSON is text, questions have names, calls are signed."""

import base64
import hashlib
import hmac
import urllib.parse
import zlib

import schemathesis

# Of the sample surveys. A random name alone would never get past "there is no such question".
QUESTIONS = ["recommend", "reason", "knowledge", "comment", "mood", "helpful", "satisfaction", "effort"]

# The sample's public_base_url, which signatures cover wherever the gateway listens, and its telephony token.
PUBLIC_BASE = "http://127.0.0.1:8080"
CALL_TOKEN = b"dev-twilio-token"


@schemathesis.serializer("application/x-ndjson")
def ndjson(context, value):
    text = value if isinstance(value, str) else str(value)
    return text.encode("utf-8", errors="surrogatepass")


@schemathesis.hook
def map_body(context, body):
    items = body if isinstance(body, list) else [body]
    for item in items:
        answers = item.get("answers") if isinstance(item, dict) else None
        if isinstance(answers, dict):
            item["answers"] = named(answers)
    return body


def named(answers):
    """The values under the names of questions, and scores near a scale; what is over keeps its own name."""
    names = iter(QUESTIONS)
    return {next(names, name): near_a_scale(value) for name, value in answers.items()}


def near_a_scale(value):
    return value % 14 - 2 if type(value) is int else value


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.operation.path.startswith("/ivr/twilio/"):
        kwargs["auth"] = sign


def sign(request):
    """Signs as Twilio does, but for one request in eight."""
    body = request.body or b""
    body = body.encode() if isinstance(body, str) else body
    if zlib.crc32(request.path_url.encode() + body) % 8:
        pairs = set(urllib.parse.parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        signed = PUBLIC_BASE + request.path_url + "".join(name + value for name, value in sorted(pairs))
        mac = hmac.new(CALL_TOKEN, signed.encode("utf-8", "surrogatepass"), hashlib.sha1).digest()
        request.headers["X-Twilio-Signature"] = base64.b64encode(mac).decode()
    return request
