import { toHex } from '@cmc/bytes';

/** How commands get to a TPM: `Transport` of tpm2-ts. */
export interface TpmTransport {
  transmit(command: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** What somebody does who sits on the bus of a TPM; `code` is that of the command. */
export interface TapOptions {
  /** What is answered in place of the TPM, if anything. */
  readonly answer?: (code: number, command: Uint8Array) => Uint8Array | undefined;
  /** What becomes of the TPM's answer on the way. */
  readonly change?: (code: number, response: Uint8Array) => Uint8Array;
}

/** What he saw. */
export interface TpmTap {
  readonly transport: TpmTransport;
  /** Whether bytes were in a command or a response. */
  readonly saw: (bytes: Uint8Array) => boolean;
  /** Commands with a code (`TPM_CC` of tpm2-ts). */
  readonly sent: (code: number) => readonly Uint8Array[];
}

/** In a command: tag, size, code. */
const CODE_AT = 6;

/** The way to a TPM with somebody on it who records everything, and may change it. */
export function tapTpm(inner: TpmTransport, options: TapOptions = {}): TpmTap {
  const seen: string[] = [];
  const commands: { readonly code: number; readonly command: Uint8Array }[] = [];
  return {
    transport: {
      transmit: async (command) => {
        const code = new DataView(command.buffer, command.byteOffset).getUint32(CODE_AT);
        commands.push({ code, command });
        const response = options.answer?.(code, command) ?? (await inner.transmit(command));
        seen.push(toHex(command), toHex(response));
        return options.change?.(code, response) ?? response;
      },
      close: async () => await inner.close(),
    },
    saw: (bytes) => seen.some((hex) => hex.includes(toHex(bytes))),
    sent: (code) => commands.filter((each) => each.code === code).map(({ command }) => command),
  };
}
