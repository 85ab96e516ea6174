/** A way to a TPM: one command at a time, its whole response. */
export interface Transport {
  /** Sends a command and gives the response. Is not called again before that. @throws {TpmError} */
  transmit(command: Uint8Array): Promise<Uint8Array>;
  /** Lets a waiting `transmit` fail. */
  close(): Promise<void>;
}

/** Longest command and response: what the TPMs of the PC Client platform have as buffer. */
export const MAX_MESSAGE_BYTES = 4096;
