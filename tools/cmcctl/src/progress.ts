import { printable } from '@cmc/attestationreport';

/** Tells people at a terminal how far long work is. */
export interface Progress {
  /** Shows `text` in the one line that progress has. */
  show(text: string): void;
  /** Takes the line away. */
  end(): void;
}

/** Shorter work is not worth a line. */
const QUIET_MS = 300;
const INTERVAL_MS = 100;
/** Where a terminal does not tell its width. */
const COLUMNS = 80;
const CLEAR = '\r\u001b[K';

/** Progress on standard error; on anything but a terminal it says nothing. */
export function createProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  let next = Date.now() + QUIET_MS;
  let shown = false;
  return {
    show: (text) => {
      const now = Date.now();
      if (!stream.isTTY || now < next) return;
      next = now + INTERVAL_MS;
      shown = true;
      stream.write(`${CLEAR}${printable(text).slice(0, (stream.columns || COLUMNS) - 1)}`);
    },
    end: () => {
      if (shown) stream.write(CLEAR);
      shown = false;
    },
  };
}
