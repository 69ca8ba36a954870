import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pack, packages } from '../../tools/pack.mjs';

/** Packs both packages once for all package specs: PACKAGE_TARBALLS is their JSON list. */
export default function setup() {
  const folder = mkdtempSync(join(tmpdir(), 'nestjs wechatpay packed '));
  const tarballs = packages.map((place) => join(folder, pack(place, folder).filename));
  process.env.PACKAGE_TARBALLS = JSON.stringify(tarballs);
  globalThis.removeTarballs = () => rm(folder, { recursive: true, force: true });
}
