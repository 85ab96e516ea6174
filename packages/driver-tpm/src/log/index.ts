export {
  type FirmwareEvent,
  type FirmwareEventsOptions,
  firmwareEvents,
} from './firmware-events.ts';
export { imaEvent } from './ima-event.ts';
export { type PcrEventParts, pcrEvent } from './pcr-event.ts';
