import { makeCertificate } from '../../support/x509.mjs';
import { atMost } from '../../support/targets.mjs';
import { failed, rowOf, Scene } from './scene.mjs';

const PART = 'the primary host is dead, the backup is there';
const HEALTHY_MS = 2_000;
const KINDS = ['read', 'write'];
const DEATHS = {
  refused: { mode: 'down', name: 'connections are refused' },
  hole: { mode: 'hole', name: 'a black hole' },
  tls: { mode: 'broken', name: 'TLS is broken', hasTls: true },
};

/** The primary host dies under load; a backup in another process is well. */
export async function deadHosts({ parties, settings: { dead }, progress }) {
  const rows = [];
  const targets = [];
  for (const { mode, name, hasTls } of Object.values(DEATHS)) {
    progress(`dead host: ${name}`);
    const tls = hasTls ? tlsIdentity(parties) : undefined;
    const http = tls ? { tls: { ca: tls.cert } } : {};
    const scene = await Scene.start({ parties, platforms: 2, tls, http });
    try {
      const { perSecond, calls: wanted } = dead;
      let diedAtMs = 0;
      const die = async () => {
        diedAtMs = Date.now();
        await scene.platforms[0].ask('set', { mode });
      };
      const forMs = HEALTHY_MS + 3_000 + (wanted / perSecond) * 1_000;
      const { calls } = await scene.drive({
        perSecond,
        kinds: KINDS,
        forMs,
        then: [[HEALTHY_MS, die]],
      });
      // The switch is over when calls that begin are answered at once again.
      const after = calls.filter(({ atMs }) => atMs >= diedAtMs).sort((a, b) => a.atMs - b.atMs);
      const first = after.find(
        ({ atMs, tookMs, code }) => code === '' && tookMs < 500 && atMs > diedAtMs + 20,
      );
      const switchMs = first ? first.atMs + first.tookMs - diedAtMs : Infinity;
      const later = after.filter(({ atMs }) => atMs > diedAtMs + 2_000);
      rows.push({ ...rowOf(PART, name, after), switchMs });
      targets.push(
        atMost(`primary host dead, ${name}: switch, ms`, switchMs, 2_000),
        atMost(
          `primary host dead, ${name}: failed of 10,000 after the switch`,
          (failed(later).length / later.length) * 10_000,
          1,
        ),
      );
    } finally {
      await scene.stop();
    }
  }
  return { rows, targets };
}

/** A certificate for `localhost`; the key of the platform's answers is good enough for it. */
function tlsIdentity({ platform: { privateKey, publicKey } }) {
  const cert = makeCertificate({ publicKey, serial: '01', commonName: 'localhost', privateKey });
  return { key: privateKey, cert };
}
