// What the host talks to, as the first process of the guest: files, programs, and functions of
// modules. Only the host reaches it, over a forwarded port.
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';

const PORT = 8080;
const CHUNK_BYTES = 64 * 1024;
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

const operations = {
  'GET /file': ({ path }) => readWhole(path),
  'PUT /file': async ({ path, mode }, body) => {
    await writeOnce(path, body, mode);
    return Buffer.alloc(0);
  },
  'POST /run': async (_, body) => json(await run(JSON.parse(body))),
  'POST /call': async (_, body) => json(await call(JSON.parse(body))),
};

createServer((request, response) => void answer(request, response)).listen(PORT, () => {
  console.log(`guest: agent, ${process.uptime().toFixed(1)} s after its start`);
});

async function answer(request, response) {
  try {
    const url = new URL(request.url, 'http://guest');
    const operation = operations[`${request.method} ${url.pathname}`];
    if (operation === undefined) throw new Error(`no operation ${request.method} ${url.pathname}`);
    const body = await buffer(request);
    response.end(await operation(Object.fromEntries(url.searchParams), body));
  } catch (error) {
    response.statusCode = 500;
    response.end(json(describe(error)));
  }
}

/** Files of the kernel say that they are empty: reads until nothing comes. */
async function readWhole(path) {
  const file = await open(path);
  try {
    const chunks = [];
    for (;;) {
      const { buffer: chunk, bytesRead } = await file.read({ buffer: Buffer.alloc(CHUNK_BYTES) });
      if (bytesRead === 0) return Buffer.concat(chunks);
      chunks.push(chunk.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

/** Files of the kernel are there, and are neither made nor cut off. */
async function writeOnce(path, body, mode) {
  const flags = mode === undefined ? constants.O_WRONLY : 'w';
  const file = await open(path, flags, Number.parseInt(mode ?? '0', 8));
  try {
    await file.write(body);
  } finally {
    await file.close();
  }
}

function run({ program, args, env, timeoutMs }) {
  return new Promise((resolve) => {
    const options = {
      env: { PATH: '/usr/bin:/bin', HOME: '/tmp', ...env },
      maxBuffer: MAX_OUTPUT_BYTES,
      timeout: timeoutMs,
    };
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      // A program that could not be started, or was ended by a signal, has no exit code.
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr: stderr === '' && error !== null ? error.message : stderr });
    });
    child.stdin?.end();
  });
}

async function call({ module, name, argument }) {
  const { [name]: called } = await import(module);
  return (await called(argument)) ?? null;
}

function describe(error) {
  const { message, code } = error instanceof Error ? error : { message: String(error) };
  return { message, code };
}

function json(value) {
  return JSON.stringify(value);
}
