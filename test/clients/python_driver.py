# SPDX-License-Identifier: MIT
"""The official Python SDKs behind driver.mjs's protocol: python_driver.py openai|anthropic [async].

A case asks by `call`, which waits in both worlds, so that each is written once.
"""

import asyncio
import json
import sys
import traceback

import anthropic
import openai
import pydantic

MODEL, CLAUDE, PROMPT = "gpt-4o", "claude-haiku-4-5", "Hello"
PNG = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
       "rkJggg==")
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"],
          "additionalProperties": False}
ASK = {"model": MODEL, "messages": [{"role": "user", "content": PROMPT}]}
SAY = {"model": CLAUDE, "max_tokens": 100, "messages": ASK["messages"]}


class City(pydantic.BaseModel):
    city: str


async def call(made):
    return await made if hasattr(made, "__await__") else made


async def each(stream):
    if hasattr(stream, "__aiter__"):
        async for event in stream:
            yield event
    else:
        for event in stream:
            yield event


def figures(headers):
    names = {"input": "input-tokens", "output": "output-tokens", "cost": "cost-usd",
             "id": "request-id"}
    return {key: headers.get(f"x-tokencap-{name}") for key, name in names.items()}


class OpenAI:
    def __init__(self, base, asynchronous):
        kind = openai.AsyncOpenAI if asynchronous else openai.OpenAI
        self.client = kind(base_url=base, api_key="sk-mine", max_retries=2)

    async def chat(self):
        answer = await call(self.client.chat.completions.create(**ASK))
        return {"text": answer.choices[0].message.content, "output": answer.usage.completion_tokens}

    async def stream(self):
        stream = await call(self.client.chat.completions.create(stream=True, **ASK))
        return {"text": "".join([c.choices[0].delta.content or "" async for c in each(stream)])}

    async def tools(self):
        tools = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
        answer = await call(self.client.chat.completions.create(tools=tools, **ASK))
        function = answer.choices[0].message.tool_calls[0].function
        return {"name": function.name, "args": json.loads(function.arguments)}

    async def structured(self):
        answer = await call(self.client.chat.completions.parse(response_format=City, **ASK))
        return {"object": answer.choices[0].message.parsed.model_dump()}

    async def vision(self):
        content = [{"type": "text", "text": "What is this?"},
                   {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]
        answer = await call(self.client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": content}]))
        return {"text": answer.choices[0].message.content}

    async def responses(self):
        answer = await call(self.client.responses.create(model=MODEL, input=PROMPT))
        return {"text": answer.output_text, "output": answer.usage.output_tokens}

    async def responsesStream(self):
        stream = await call(self.client.responses.create(model=MODEL, input=PROMPT, stream=True))
        return {"text": "".join([e.delta async for e in each(stream)
                                 if e.type == "response.output_text.delta"])}

    async def embeddings(self):
        answer = await call(self.client.embeddings.create(model="text-embedding-3-small",
                                                          input=["one", "two"]))
        return {"count": len(answer.data)}

    async def models(self):
        return {"found": MODEL in [m.id async for m in each(await call(self.client.models.list()))]}

    async def headers(self):
        raw = await call(self.client.chat.completions.with_raw_response.create(**ASK))
        return figures(raw.headers)

    async def leave(self):
        stream = await call(self.client.chat.completions.create(stream=True, **ASK))
        async for chunk in each(stream):
            if chunk.choices[0].delta.content:
                break
        await call(stream.close())
        return {}


class Anthropic:
    def __init__(self, base, asynchronous):
        kind = anthropic.AsyncAnthropic if asynchronous else anthropic.Anthropic
        self.client = kind(base_url=base, api_key="sk-ant-mine", max_retries=2)

    async def chat(self):
        answer = await call(self.client.messages.create(**SAY))
        return {"text": answer.content[0].text, "output": answer.usage.output_tokens}

    async def stream(self):
        stream = await call(self.client.messages.create(stream=True, **SAY))
        return {"text": "".join([e.delta.text async for e in each(stream)
                                 if e.type == "content_block_delta"])}

    async def tools(self):
        tools = [{"name": "weather", "input_schema": SCHEMA}]
        answer = await call(self.client.messages.create(tools=tools, **SAY))
        return {"name": answer.content[0].name, "args": answer.content[0].input}

    async def structured(self):
        answer = await call(self.client.messages.parse(output_format=City, **SAY))
        return {"object": answer.parsed_output.model_dump()}

    async def vision(self):
        source = {"type": "base64", "media_type": "image/png", "data": PNG}
        content = [{"type": "image", "source": source}, {"type": "text", "text": "What is this?"}]
        answer = await call(self.client.messages.create(
            **SAY | {"messages": [{"role": "user", "content": content}]}))
        return {"text": answer.content[0].text}

    async def countTokens(self):
        answer = await call(self.client.messages.count_tokens(model=CLAUDE,
                                                              messages=SAY["messages"]))
        return {"tokens": answer.input_tokens}

    async def models(self):
        ids = [m.id async for m in each(await call(self.client.models.list()))]
        return {"found": any(i.startswith(CLAUDE) for i in ids)}

    async def headers(self):
        raw = await call(self.client.messages.with_raw_response.create(**SAY))
        return figures(raw.headers)

    async def leave(self):
        stream = await call(self.client.messages.create(stream=True, **SAY))
        async for event in each(stream):
            if event.type == "content_block_delta":
                break
        await call(stream.close())
        return {}


def told(error):
    body = getattr(error, "body", None) or {}
    body = body.get("error", body) if isinstance(body, dict) else {}
    return {"name": type(error).__name__, "status": getattr(error, "status_code", None),
            "message": str(error), "code": getattr(error, "code", None),
            "details": body.get("details")}


async def main(which, asynchronous):
    sdk = {"openai": OpenAI, "anthropic": Anthropic}[which]
    for line in iter(sys.stdin.readline, ""):
        asked = json.loads(line)
        try:
            result = await getattr(sdk(asked["base"], asynchronous), asked["case"])()
        except Exception as error:  # told to the test
            result = {"error": told(error), "stack": traceback.format_exc()}
        print(json.dumps(result), flush=True)


asyncio.run(main(sys.argv[1], "async" in sys.argv[2:]))
