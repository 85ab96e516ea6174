export type {
  ContainerEventOptions,
  ReferenceComponentOptions,
} from './container-log/container-components.ts';
export {
  createContainerEvent,
  createReferenceComponent,
} from './container-log/container-components.ts';
export type { ContainerLog, ContainerLogOptions } from './container-log/container-log.ts';
export { MAX_LOG_BYTES, MAX_LOG_EVENTS, openContainerLog } from './container-log/container-log.ts';
export type { SwDriver, SwDriverOptions } from './driver/sw-driver.ts';
export { createSwDriver } from './driver/sw-driver.ts';
export type { SoftwareDriverErrorCode } from './errors.ts';
export { SoftwareDriverError } from './errors.ts';
export type { PrivateKeyInput, SoftwareKeyAlgorithm } from './key/software-key.ts';
export { createSoftwareKey } from './key/software-key.ts';
export type { SoftwareSignerOptions } from './key/software-signer.ts';
export { softwareSigner } from './key/software-signer.ts';
export type { HashRootfsOptions } from './rootfs/hash-rootfs.ts';
export { hashRootfs } from './rootfs/hash-rootfs.ts';
