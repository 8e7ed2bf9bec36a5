# SPDX-License-Identifier: MIT
"""Requests that the tests send."""

HELLO = [{"role": "user", "content": "Hello, how are you today?"}]
CHAT = {"model": "gpt-4o", "messages": HELLO, "max_tokens": 100}
STREAM = CHAT | {"stream": True}
STREAM_USAGE = STREAM | {"stream_options": {"include_usage": True}}
MESSAGE = {"model": "claude-haiku-4-5", "max_tokens": 100, "messages": HELLO}
MESSAGE_STREAM = MESSAGE | {"stream": True}
RESPONSE = {"model": "gpt-4o", "input": "Hello, how are you today?", "max_output_tokens": 100}
RESPONSE_STREAM = RESPONSE | {"stream": True}
EMBEDDING = {"model": "text-embedding-3-small", "input": "Hello, how are you today?"}
COMPLETION = {"model": "gpt-3.5-turbo-instruct", "prompt": "Hello, how are you today?",
              "max_tokens": 100}
TEXT = "The quick brown fox jumps over the lazy"  # what the simulator says by itself

# What each proxied endpoint is asked in tests that hold for all of them.
PRICED = {
    "/v1/chat/completions": CHAT,
    "/v1/messages": MESSAGE,
    "/v1/responses": RESPONSE,
    "/v1/embeddings": EMBEDDING,
    "/v1/completions": COMPLETION,
}
STREAMED = {
    "/v1/chat/completions": STREAM,
    "/v1/messages": MESSAGE_STREAM,
    "/v1/responses": RESPONSE_STREAM,
    "/v1/completions": COMPLETION | {"stream": True},
}


def project(name):
    return {"X-Tokencap-Project-Id": name}
