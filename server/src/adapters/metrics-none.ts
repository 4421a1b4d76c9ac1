import type { Metrics } from '../ports/index.ts';

const nothing = (): void => undefined;

/** Nobody looks, so nothing is counted. */
export const noMetrics: Metrics = {
  requestEnded: nothing,
  cacheLookups: nothing,
  jobEnded: nothing,
  transactionRetried: nothing,
  toolStarted: nothing,
  toolEnded: nothing,
  spansLost: nothing,
  watch: nothing,
};
