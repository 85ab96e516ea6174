import type { Cmc } from '@cmc/api';
import { CmcError } from '@cmc/bytes';

/** One call that is over. */
export interface ObservedCall {
  readonly operation: keyof Cmc;
  /** `success`, for verifications the status of the result, or the code of the error. */
  readonly outcome: string;
  readonly seconds: number;
}

/** The same CMC; `observer` learns of every call when it is over. */
export function observeCmc(cmc: Cmc, observer: (call: ObservedCall) => void): Cmc {
  const observed = async <R>(
    operation: keyof Cmc,
    call: () => Promise<R>,
    outcomeOf: (response: R) => string = () => 'success',
  ): Promise<R> => {
    const start = performance.now();
    const report = (outcome: string): void =>
      observer({ operation, outcome, seconds: (performance.now() - start) / 1000 });
    try {
      const response = await call();
      report(outcomeOf(response));
      return response;
    } catch (error) {
      report(error instanceof CmcError ? error.code : 'ERR_API_INTERNAL');
      throw error;
    }
  };
  return {
    attest: (request, options) => observed('attest', () => cmc.attest(request, options)),
    verify: (request, options) =>
      observed(
        'verify',
        () => cmc.verify(request, options),
        ({ result }) => result.summary.status || 'fail',
      ),
    tlsCreate: (request, options) => observed('tlsCreate', () => cmc.tlsCreate(request, options)),
    tlsSign: (request, options) => observed('tlsSign', () => cmc.tlsSign(request, options)),
    tlsCert: (request, options) => observed('tlsCert', () => cmc.tlsCert(request, options)),
    peerCache: (request, options) => observed('peerCache', () => cmc.peerCache(request, options)),
    measure: (request, options) => observed('measure', () => cmc.measure(request, options)),
    updateCerts: (options) => observed('updateCerts', () => cmc.updateCerts(options)),
    updateMetadata: (options) => observed('updateMetadata', () => cmc.updateMetadata(options)),
  };
}
