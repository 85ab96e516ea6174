import { ByteReader, ByteWriter, concatBytes } from '@cmc/bytes';
import { TpmError } from '../errors.ts';
import {
  type ByteStream,
  type ConnectOptions,
  DEFAULT_CONNECT_MS,
  openByteStream,
  type SocketAddress,
} from './byte-stream.ts';
import { MAX_MESSAGE_BYTES, type Transport } from './transport.ts';

export interface SimulatorOptions extends ConnectOptions {
  /** Where the simulator takes platform commands: it is powered on first then. */
  readonly platform?: SocketAddress;
}

const HEADER_BYTES = 10;
/** Commands of the simulator (TpmTcpProtocol.h). */
const SIGNAL_POWER_ON = 1;
const SEND_COMMAND = 8;
const SIGNAL_NV_ON = 11;
const SESSION_END = 20;
const LOCALITY = 0;

/** A software TPM that takes commands as they are (the data channel of swtpm). @throws {TpmError} */
export async function openSocket(
  address: SocketAddress,
  options: ConnectOptions = {},
): Promise<Transport> {
  const stream = await openByteStream(address, options);
  return {
    async transmit(command) {
      stream.write(command);
      const header = await stream.read(HEADER_BYTES);
      const size = new ByteReader(header.subarray(2), 'responseSize').u32();
      return concatBytes(header, await stream.read(checkedSize(size) - HEADER_BYTES));
    },
    async close() {
      stream.close();
    },
  };
}

/** A software TPM that speaks the protocol of Microsoft's simulator. @throws {TpmError} */
export async function openSimulator(
  address: SocketAddress,
  options: SimulatorOptions = {},
): Promise<Transport> {
  if (options.platform !== undefined) await powerOn(options.platform, options);
  const stream = await openByteStream(address, options);
  return {
    async transmit(command) {
      stream.write(new ByteWriter().u32(SEND_COMMAND).u8(LOCALITY).sized32(command).finish());
      const response = await stream.read(checkedSize(await readU32(stream)));
      await readAcknowledgement(stream);
      return response;
    },
    async close() {
      stream.write(new ByteWriter().u32(SESSION_END).finish());
      stream.close();
    },
  };
}

async function powerOn(platform: SocketAddress, options: ConnectOptions): Promise<void> {
  const stream = await openByteStream(platform, options);
  const timer = setTimeout(() => stream.close(), options.timeoutMs ?? DEFAULT_CONNECT_MS);
  try {
    for (const signal of [SIGNAL_POWER_ON, SIGNAL_NV_ON]) {
      stream.write(new ByteWriter().u32(signal).finish());
      await readAcknowledgement(stream);
    }
    stream.write(new ByteWriter().u32(SESSION_END).finish());
  } finally {
    clearTimeout(timer);
    stream.close();
  }
}

async function readAcknowledgement(stream: ByteStream): Promise<void> {
  const status = await readU32(stream);
  if (status !== 0) {
    throw new TpmError('ERR_TPM_TRANSPORT', `the simulator answered ${status}, expected 0`);
  }
}

async function readU32(stream: ByteStream): Promise<number> {
  return new ByteReader(await stream.read(4), 'simulator').u32();
}

function checkedSize(size: number): number {
  if (size < HEADER_BYTES || size > MAX_MESSAGE_BYTES) {
    throw new TpmError(
      'ERR_TPM_TRANSPORT',
      `response of ${size} bytes, expected ${HEADER_BYTES} to ${MAX_MESSAGE_BYTES}`,
    );
  }
  return size;
}
