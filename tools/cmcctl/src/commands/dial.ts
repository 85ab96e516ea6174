import { once } from 'node:events';
import { request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';
import type { AttestationResult } from '@cmc/attestationreport';
import { Agent, type ConnectOptions, connect } from '@cmc/attested-tls';
import { CmcError } from '@cmc/bytes';
import { EXIT, parseHostPort, UsageError } from '@cmc/host';
import { withDeadline } from '../daemon.ts';
import { print } from '../output.ts';
import { openPublisher, publishAll } from '../publication.ts';
import type { CmcctlSettings } from '../settings.ts';
import { openTls, summarize } from '../tls.ts';

/** Longest answer that is taken, bytes. */
const MAX_ANSWER_BYTES = 64 * 1024;
const HTTPS_PORT = 443;

interface Answer {
  readonly httpStatus?: number;
  readonly answer?: string;
}
type Talk = (options: ConnectOptions, signal: AbortSignal) => Promise<Answer>;

/** `cmcctl dial`: one attested connection; without data it ends when both have attested. */
export async function dial(settings: CmcctlSettings): Promise<number> {
  if (settings.addr === undefined) throw new UsageError('dial needs addr');
  return await talk(settings, parseHostPort(settings.addr, 'addr'), async (options, signal) => {
    const socket = connect(options);
    const abort = (): void => void socket.destroy(new Error('the deadline is over'));
    signal.addEventListener('abort', abort);
    const closed = once(socket, 'close').then(() => {
      throw new CmcError('ERR_CMCCTL_CLOSED', 'the server closed the connection without an answer');
    });
    try {
      await Promise.race([once(socket, 'secureConnect'), closed]);
      if (settings.data === undefined) return {};
      socket.write(settings.data);
      const [chunk]: Buffer[] = await Promise.race([once(socket, 'data'), closed]);
      return { answer: chunk?.subarray(0, MAX_ANSWER_BYTES).toString('utf8') ?? '' };
    } finally {
      closed.catch(() => {});
      signal.removeEventListener('abort', abort);
      socket.destroy();
    }
  });
}

/** `cmcctl request`: one attested HTTPS request. */
export async function request(settings: CmcctlSettings): Promise<number> {
  const url = parseUrl(settings.addr);
  const { data } = settings;
  const method = settings.method ?? (data === undefined ? 'GET' : 'POST');
  const headers = Object.fromEntries((settings.header ?? []).map(parseHeader));
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const where = { host, port: Number(url.port || HTTPS_PORT) };
  return await talk(settings, where, async (options, signal) => {
    const agent = new Agent(options);
    try {
      const path = `${url.pathname}${url.search}`;
      const call = httpsRequest({ ...where, path, method, headers, agent, signal });
      call.end(data);
      const [response] = await once(call, 'response');
      return { httpStatus: response.statusCode, answer: await readAnswer(response) };
    } finally {
      agent.destroy();
    }
  });
}

async function talk(
  settings: CmcctlSettings,
  where: { readonly host: string; readonly port: number },
  run: Talk,
): Promise<number> {
  const publisher = openPublisher(settings);
  await using tls = await openTls(settings);
  const name = settings.serverName ?? where.host;
  let verdict: AttestationResult | undefined;
  const options: ConnectOptions = {
    ...where,
    // An IP address is no server name (RFC 6066), but the certificate is still checked against it.
    ...(/^[\d.]+$|:/.test(name) ? {} : { servername: name }),
    ...tls.options,
    onResult: (result) => {
      verdict = result;
    },
  };
  const report = (connected: boolean, answer: Answer): void => {
    const outcome = { connected, ...summarize(verdict), ...answer };
    const lines = [...outcome.reasons, ...(connected ? ['Connected.'] : [])];
    if (answer.answer !== undefined) lines.push(`Answer: ${answer.answer.trimEnd()}`);
    if (settings.json === true || lines.length > 0) print(settings, outcome, lines);
  };
  try {
    report(true, await withDeadline(settings, (signal) => run(options, signal)));
    return (await publishAll(settings, publisher, [verdict])) ? EXIT.success : EXIT.unavailable;
  } catch (error) {
    report(false, {});
    await publishAll(settings, publisher, [verdict]);
    throw error;
  }
}

async function readAnswer(response: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, MAX_ANSWER_BYTES).toString('utf8');
}

function parseUrl(text: string | undefined): URL {
  if (text === undefined) throw new UsageError('request needs addr, a URL');
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'https:') return url;
  throw new UsageError(`addr: expected a URL that begins with https://, got "${text}"`);
}

function parseHeader(text: string): readonly [string, string] {
  const at = text.indexOf(':');
  if (at > 0) return [text.slice(0, at).trim(), text.slice(at + 1).trim()];
  throw new UsageError(`header: expected Name:value, got "${text}"`);
}
