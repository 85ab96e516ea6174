import { type FileHandle, open } from 'node:fs/promises';
import { TpmError } from '../errors.ts';
import { MAX_MESSAGE_BYTES, type Transport } from './transport.ts';

/** In the order of preference: the first one has a resource manager, so that programs can share. */
const DEVICES = ['/dev/tpmrm0', '/dev/tpm0'];

/**
 * The TPM behind a character device of Linux. Default: `/dev/tpmrm0`, else `/dev/tpm0`.
 * @throws {TpmError} ERR_TPM_TRANSPORT
 */
export async function openDevice(path?: string): Promise<Transport> {
  const candidates = path === undefined ? DEVICES : [path];
  const failures: unknown[] = [];
  for (const candidate of candidates) {
    try {
      return new DeviceTransport(await open(candidate, 'r+'), candidate);
    } catch (error) {
      failures.push(error);
    }
  }
  const [cause] = failures;
  throw new TpmError('ERR_TPM_TRANSPORT', `cannot open ${candidates.join(' or ')}`, { cause });
}

class DeviceTransport implements Transport {
  readonly #file: FileHandle;
  readonly #path: string;

  constructor(file: FileHandle, path: string) {
    this.#file = file;
    this.#path = path;
  }

  async transmit(command: Uint8Array): Promise<Uint8Array> {
    try {
      // The driver takes a command from one write and gives its response to one read.
      const { bytesWritten } = await this.#file.write(command, 0, command.length, null);
      if (bytesWritten !== command.length) throw new Error(`wrote ${bytesWritten} bytes`);
      const response = new Uint8Array(MAX_MESSAGE_BYTES);
      const { bytesRead } = await this.#file.read(response, 0, response.length, null);
      return response.slice(0, bytesRead);
    } catch (cause) {
      throw new TpmError('ERR_TPM_TRANSPORT', `${this.#path}: no response`, { cause });
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
