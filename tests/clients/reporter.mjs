// Reporter for `node --test`: one line for each failure with its reason, and "N passed, N failed".
import { relative } from 'node:path';

/** The first lines of an error, each cut where a screen ends; before them what the server said, which viem puts last. */
const reason = (error) =>
  [...(error?.details ? [error.details] : []), ...String(error?.stack ?? error).split('\n').slice(0, 10)]
    .map((line) => line.slice(0, 160)).join('\n     ');

const report = async function* (events) {
  let passed = 0;
  let failed = 0;
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const file = data.file ? relative(process.cwd(), data.file) : '';
    if (data.details.error?.failureType === 'cancelledByParent') { // its parent's own line says why
      failed++;
      continue;
    }
    if (data.skip !== undefined && data.skip !== false) {
      yield `skip ${data.name}: ${data.skip}\n`;
      continue;
    }
    const holdsTests = data.details?.type === 'suite' || data.name.endsWith('.test.mjs');
    if (holdsTests && (type === 'test:pass' || data.details.error?.failureType === 'subtestsFailed')) continue;
    if (type === 'test:pass') {
      passed++;
      yield `ok   ${data.name}\n`;
    } else {
      failed++;
      const cause = data.details.error?.cause ?? data.details.error;
      yield `FAIL ${file}: ${data.name}\n     ${reason(cause)}\n`;
    }
  }
  yield `${passed} passed, ${failed} failed\n`;
};
export default report;
