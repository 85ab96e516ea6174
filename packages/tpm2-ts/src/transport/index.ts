export type { ConnectOptions, SocketAddress } from './byte-stream.ts';
export { openDevice } from './device.ts';
export type { SimulatorOptions } from './socket.ts';
export { openSimulator, openSocket } from './socket.ts';
export type { Transport } from './transport.ts';
export { MAX_MESSAGE_BYTES } from './transport.ts';
