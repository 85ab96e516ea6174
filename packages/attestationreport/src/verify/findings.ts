import { type ErrorCode, errorCodeText } from '../error-codes.ts';
import type { Result } from '../types/result.ts';

/** A check that was not reached. */
export const NOT_REACHED: Result = Object.freeze({ status: '' });

/** A check that passed. */
export const PASSED: Result = Object.freeze({ status: 'success' });

/** Outcome of a check that failed, with its reason. */
export function failed(code: ErrorCode, details?: string): Result {
  return {
    status: 'fail',
    errorCodes: [code],
    ...(details === undefined ? {} : { details }),
  };
}

/**
 * Collects what is wrong with one thing into the summary of its result. Nothing takes back a
 * failure: the worst that was found is the status.
 */
export class Findings {
  #status: 'success' | 'warn' | 'fail' = 'success';
  readonly #codes: number[] = [];
  readonly #details: string[] = [];
  readonly #notes: string[] = [];

  get failed(): boolean {
    return this.#status === 'fail';
  }

  /** A reason to refuse; some checks have no code of their own. */
  fail(code: ErrorCode | undefined, details?: string): void {
    this.#status = 'fail';
    this.#add(code, details);
  }

  /** A reason to be careful. */
  warn(code: ErrorCode | undefined, details?: string): void {
    if (this.#status === 'success') this.#status = 'warn';
    this.#add(code, details);
  }

  /** Something to know that changes nothing. */
  note(details: string): void {
    this.#notes.push(details);
  }

  /** `details` has one line per note, then one per code. */
  toResult(): Result {
    const lines = [...this.#notes, ...this.#details];
    return {
      status: this.#status,
      ...(this.#codes.length === 0 ? {} : { errorCodes: [...this.#codes] }),
      ...(lines.length === 0 ? {} : { details: lines.join('\n') }),
    };
  }

  #add(code: ErrorCode | undefined, details: string | undefined): void {
    if (code === undefined) {
      if (details !== undefined) this.#notes.push(details);
      return;
    }
    this.#codes.push(code);
    this.#details.push((details ?? errorCodeText(code)).replaceAll('\n', ' '));
  }
}
