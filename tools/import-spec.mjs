// Copies services from a catalogue (operations.json and types.json) into tools/spec, as they are.
//
//   node tools/import-spec.mjs <folder of the catalogue> payments.native refund …
//   node tools/import-spec.mjs <folder of the catalogue>          refreshes the services already here
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isServiceFile } from './generate/load.mjs';

const specFolder = join(dirname(fileURLToPath(import.meta.url)), 'spec');

/** One operation and one type a line, so that a refresh of the data reads well as a diff. */
function format(service, operations, types) {
  const operationLines = operations.map((operation) => `    ${JSON.stringify(operation)}`);
  const typeLines = Object.entries(types).map(
    ([name, type]) => `    ${JSON.stringify(name)}: ${JSON.stringify(type)}`,
  );
  return [
    '{',
    `  "service": ${JSON.stringify(service)},`,
    `  "operations": [\n${operationLines.join(',\n')}\n  ],`,
    `  "types": {\n${typeLines.join(',\n')}\n  }`,
    '}\n',
  ].join('\n');
}

function main([folder, ...wanted]) {
  if (folder === undefined) {
    throw new Error('usage: node tools/import-spec.mjs <folder of the catalogue> [service …]');
  }
  const allOperations = JSON.parse(readFileSync(join(folder, 'operations.json'), 'utf8'));
  const allTypes = JSON.parse(readFileSync(join(folder, 'types.json'), 'utf8'));
  mkdirSync(specFolder, { recursive: true });
  const present = readdirSync(specFolder).filter(isServiceFile);
  const services = wanted.length > 0 ? wanted : present.map((name) => name.slice(0, -5));
  for (const service of services) {
    const operations = allOperations.filter((operation) => operation.service === service);
    const types = Object.hasOwn(allTypes, service) ? allTypes[service] : {};
    if (operations.length === 0) {
      throw new Error(`the catalogue has no service named ${JSON.stringify(service)}`);
    }
    if (!isServiceFile(`${service}.json`)) {
      throw new Error(`${JSON.stringify(service)} is not a service name`);
    }
    writeFileSync(join(specFolder, `${service}.json`), format(service, operations, types));
    process.stdout.write(`${service}: ${operations.length} operations\n`);
  }
}

try {
  main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
