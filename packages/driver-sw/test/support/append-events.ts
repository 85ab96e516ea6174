// A program for tests: appends events to a container log until it is killed, or has appended `count`.
// Arguments: path of the log, prefix of the names, count. Reports every append to the parent process.
import { openContainerLog } from '../../src/container-log/container-log.ts';
import { containerEvent } from './events.ts';

const [path = '', prefix = '', count = '0'] = process.argv.slice(2);
const log = openContainerLog({ path });
for (let i = 0; i < Number(count); i++) {
  const name = `${prefix}${i}`;
  await log.append(containerEvent(name));
  process.send?.(name);
}
process.disconnect?.();
