"""A local server of OpenAI's protocol, as vLLM and SGLang speak it, before a random tiny model."""

import asyncio
import base64
import io
import json
import threading
from collections import deque

import numpy as np
from aiohttp import web
from PIL import Image

from stages.engines.qwen_vl_random import random_model
from stages.tokenizer import load_tokenizer
from tests.stages.engines import vl_reference as reference

MODEL = "tiny-vl"


class Served:
    """Answers in a thread of its own.

    Attributes:
        url: base of the protocol's paths.
        model: the random model.
        trouble: what it does to the next requests instead: a status, a response, or a coroutine
            function of the request.
        asked: path and body of each request.
        keys: the Authorization header of each request.
        most: most requests at a time.
    """

    def __init__(self):
        self.model = random_model(load_tokenizer("tiny"))
        self.trouble, self.asked, self.keys = deque(), [], []
        self.most = self._now = 0
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        ready.wait()

    def close(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self, ready):
        asyncio.set_event_loop(self._loop)
        app = web.Application(client_max_size=1 << 30)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._guarded(self._chat))
        app.router.add_post("/generate", self._guarded(self._generate))
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0)
        self._loop.run_until_complete(site.start())
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        for task in (left := asyncio.all_tasks(self._loop)):
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.close()

    def _guarded(self, handler):
        async def handle(request):
            self._now += 1
            self.most = max(self.most, self._now)
            try:
                body = await request.json()
                self.asked.append((request.path, body))
                self.keys.append(request.headers.get("Authorization"))
                await asyncio.sleep(0)
                trouble = self.trouble.popleft() if self.trouble else None
                if isinstance(trouble, int):
                    return web.Response(status=trouble, text="there is trouble")
                if trouble is not None:
                    return await trouble(request)
                return web.json_response(handler(body))
            finally:
                self._now -= 1

        return handle

    async def _models(self, request):
        trouble = self.trouble.popleft() if self.trouble else None
        if trouble is not None:
            return web.Response(status=trouble)
        return web.json_response({"object": "list", "data": [{"id": MODEL}]})

    def _chat(self, body):
        messages, pictures, text = body["messages"], [], ""
        ending = messages[-1]["content"] if body.get("continue_final_message") else None
        for message in messages[: len(messages) - (ending is not None)]:
            content = ""
            for part in message["content"]:
                if part["type"] == "text":
                    content += part["text"]
                else:
                    content += reference.PLACE
                    pictures.append(decoded(part["image_url"]["url"]))
            text += reference.turn(message["role"], content)
        if messages[0]["role"] != "system":
            text = reference.turn("system", "You are a helpful assistant.") + text
        text += "<|im_start|>assistant\n"
        if ending is not None:
            return {
                **completion("", "length"),
                "prompt_logprobs": self._vllm(text, ending, pictures),
            }
        return completion(*reference.greedy(self.model, text, pictures, body["max_tokens"]))

    def _vllm(self, text, ending, pictures):
        ids = reference.encode(text) + reference.encode(ending)
        wide = reference.inputs(self.model, ids, pictures)["input_ids"][0].tolist()
        rows = reference.logits(self.model, ids, pictures).log_softmax(-1)
        told = [None]
        for id_, row in zip(wide[1:], rows[:-1], strict=True):
            best = int(row.argmax())
            told.append({id_: {"logprob": float(row[id_])}, best: {"logprob": float(row[best])}})
        return told

    def _generate(self, body):
        pictures = [decoded(url) for url in body["image_data"]]
        ids = reference.encode(body["text"])
        wide = reference.inputs(self.model, ids, pictures)["input_ids"][0].tolist()
        rows = reference.logits(self.model, ids, pictures).log_softmax(-1)
        pairs = zip(wide[1:], rows[:-1], strict=True)
        told = [[None, wide[0], None], *([float(row[id_]), id_, None] for id_, row in pairs)]
        return {"text": "", "meta_info": {"input_token_logprobs": told}}


def completion(text, finish):
    message = {"role": "assistant", "content": text}
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish}]}


def decoded(url):
    data = base64.b64decode(url.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(data)))


async def reset(request):
    """Cut the connection."""
    request.transport.abort()
    return web.Response()


async def hang(request):
    """Give no answer in time."""
    await asyncio.sleep(60)
    return web.Response()


def says(text, status=200, **headers):
    """Answer with a text."""

    async def say(request):
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, text=text, headers=names)

    return say


async def drip(request):
    """Send bytes for ever."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(json.dumps([0] * 20_000).encode())


async def moved(request):
    """Point elsewhere."""
    raise web.HTTPFound("http://127.0.0.1:1/v1/chat/completions")
