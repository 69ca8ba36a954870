import { Child } from '../../support/children.mjs';
import { productUrl } from '../../support/product.mjs';
import { median } from '../../support/stats.mjs';
import { atMost } from '../../support/targets.mjs';

/** What the package needs and an application has loaded anyway. */
const PEERS = [
  'reflect-metadata',
  'rxjs',
  '@nestjs/common',
  '@nestjs/core',
  '@nestjs/config',
  '@nestjs/schedule',
  '@nestjs/terminus',
  'undici',
];

/** The time that importing the package adds, in fresh processes. */
export async function importTime({ settings, progress }) {
  progress(`import, ${settings.imports} fresh processes`);
  const runs = [];
  // The first run fills the file cache and does not count.
  for (let run = 0; run <= settings.imports; run++) {
    const importer = await Child.start('workers/importer.mjs');
    const figures = await importer.ask('measure', { peers: PEERS, entry: productUrl });
    await importer.stop();
    if (run > 0) runs.push(figures);
  }
  const ownMs = median(runs.map(({ entryMs }) => entryMs));
  const peersMs = median(runs.map(({ peersMs: each }) => each));
  return {
    rows: [
      { part: 'import', name: 'Nest, required peers and undici', importMs: peersMs },
      { part: 'import', name: 'nestjs-wechatpay, over these', importMs: ownMs },
    ],
    targets: [atMost('import of the package over its peers, ms', ownMs, 25)],
  };
}
