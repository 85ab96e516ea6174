import type { ChannelOptions } from './command/channel.ts';
import { Tpm } from './command/tpm.ts';
import type { SocketAddress } from './transport/byte-stream.ts';
import { openDevice } from './transport/device.ts';
import { openSimulator, openSocket } from './transport/socket.ts';
import type { Transport } from './transport/transport.ts';

/** Where the TPM is; at most one of the first four. */
export interface OpenTpmOptions extends ChannelOptions {
  /** Default: `/dev/tpmrm0`, else `/dev/tpm0`. */
  readonly device?: string;
  /** The data channel of swtpm. */
  readonly socket?: SocketAddress;
  /** Microsoft's simulator; `platform` is where it is powered on, if it is not yet. */
  readonly simulator?: SocketAddress & { readonly platform?: SocketAddress };
  readonly transport?: Transport;
  /** Ends the attempt to connect. */
  readonly signal?: AbortSignal;
}

/** A connection to a TPM. @throws {TpmError} ERR_TPM_TRANSPORT, ERR_TPM_TIMEOUT */
export async function openTpm(options: OpenTpmOptions = {}): Promise<Tpm> {
  const { device, socket, simulator, transport } = options;
  const given = [device, socket, simulator, transport].filter((each) => each !== undefined);
  if (given.length > 1) {
    throw new TypeError('give one of device, socket, simulator and transport');
  }
  return new Tpm(transport ?? (await connect(options)), options);
}

async function connect({ device, socket, simulator, signal }: OpenTpmOptions): Promise<Transport> {
  const waiting = signal === undefined ? {} : { signal };
  if (socket !== undefined) return await openSocket(socket, waiting);
  if (simulator === undefined) return await openDevice(device);
  const { platform } = simulator;
  return await openSimulator(simulator, {
    ...waiting,
    ...(platform === undefined ? {} : { platform }),
  });
}
