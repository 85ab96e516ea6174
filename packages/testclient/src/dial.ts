import { once } from 'node:events';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { type AttestationResult, explain } from '@cmc/attestationreport';
import { Agent, type ConnectOptions, connect } from '@cmc/attested-tls';
import { CmcError } from '@cmc/bytes';
import { EXIT, parseHostPort, readConnectionFiles, UsageError } from '@cmc/host';
import { daemonAddress, deadline } from './daemon.ts';
import { print } from './output.ts';
import type { TestclientSettings } from './settings.ts';

/** Longest answer that is shown, bytes. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** Makes an attested connection, sends something, and shows verdict and answer. */
export async function dial(settings: TestclientSettings): Promise<number> {
  let verdict: AttestationResult | undefined;
  const onResult = (result: AttestationResult): void => {
    verdict = result;
  };
  const options = { ...(await connectOptions(settings)), onResult };
  try {
    const answer = await (settings.https === true ? askHttps : ask)(options, settings);
    report(settings, verdict, answer);
    return EXIT.success;
  } catch (error) {
    report(settings, verdict, undefined);
    throw error;
  }
}

function report(
  settings: TestclientSettings,
  verdict: AttestationResult | undefined,
  answer: string | undefined,
): void {
  const reasons = verdict === undefined ? [] : explain(verdict);
  const outcome = {
    connected: answer !== undefined,
    status: verdict?.summary.status,
    reasons,
    answer,
  };
  const lines = answer === undefined ? reasons : [...reasons, `Answer: ${answer.trimEnd()}`];
  if (settings.json === true || lines.length > 0) print(settings, outcome, lines);
}

async function connectOptions(settings: TestclientSettings): Promise<ConnectOptions> {
  if (settings.addr === undefined) throw new UsageError('dial needs addr, the server');
  const { ca, cert, key, policies } = await readConnectionFiles(settings);
  const where = parseHostPort(settings.addr, 'addr');
  const name = settings.serverName ?? where.host;
  return {
    ...where,
    // An IP address is no server name (RFC 6066), but the certificate is still checked against it.
    ...(/^[\d.]+$|:/.test(name) ? {} : { servername: name }),
    ...(ca && { ca: [...ca] }),
    ...(cert && { cert }),
    ...(key && { key }),
    ...(policies && { policies }),
    cmc: daemonAddress(settings),
    serialization: settings.serialization ?? 'cbor',
    attest: settings.attest ?? 'mutual',
    mtls: settings.mtls ?? false,
  };
}

async function ask(options: ConnectOptions, settings: TestclientSettings): Promise<string> {
  const signal = deadline(settings);
  const socket = connect(options);
  const abort = (): void => void socket.destroy(timedOut());
  signal.addEventListener('abort', abort);
  const closed = once(socket, 'close').then(() => {
    throw hungUp();
  });
  try {
    await Promise.race([once(socket, 'secureConnect'), closed]);
    socket.write(settings.data ?? 'hello');
    const [answer]: Buffer[] = await Promise.race([once(socket, 'data'), closed]);
    return answer?.subarray(0, MAX_ANSWER_BYTES).toString('utf8') ?? '';
  } finally {
    signal.removeEventListener('abort', abort);
    socket.destroy();
  }
}

async function askHttps(options: ConnectOptions, settings: TestclientSettings): Promise<string> {
  const agent = new Agent(options);
  const signal = deadline(settings);
  try {
    const { host, port } = options;
    const call = request({ host, port, path: '/', agent, signal });
    call.end(settings.data);
    const [response] = await once(call, 'response');
    return (await text(response)).slice(0, MAX_ANSWER_BYTES);
  } catch (error) {
    throw signal.aborted ? timedOut() : error;
  } finally {
    agent.destroy();
  }
}

function timedOut(): CmcError {
  return new CmcError('ERR_TESTCLIENT_TIMEOUT', 'the server did not answer before the deadline');
}

function hungUp(): CmcError {
  return new CmcError(
    'ERR_TESTCLIENT_CLOSED',
    'the server closed the connection without an answer',
  );
}
