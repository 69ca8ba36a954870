/**
 * Measures subjects against each other on a machine that does other things meanwhile.
 *
 * In a sitting all subjects live side by side, each in processes of its own, and are measured in
 * turn in short rounds, back and forth: what the machine does meets neighbours alike. There are
 * several sittings, as two runs of one program are not compiled alike.
 *
 * @param subjects any objects; each gets `rounds`, its figures in the order of measurement, so that
 * the figures of one index are comparable
 * @param start `(subject) => running`: starts its processes, warm
 * @param measure `(subject, running) => figures`
 * @param stop `(running) => Promise`: ends its processes, whatever state they are in
 */
export async function measureInSittings({ subjects, sittings, rounds, start, measure, stop }) {
  const measured = subjects.map((subject) => ({ ...subject, rounds: [] }));
  for (let sitting = 1; sitting <= sittings; sitting++) {
    const started = [];
    try {
      for (const subject of measured) {
        started.push({
          subject,
          running: await start(subject, `sitting ${sitting} of ${sittings}`),
        });
      }
      for (let round = 0; round < rounds; round++) {
        for (const { subject, running } of round % 2 === 0 ? started : started.toReversed()) {
          subject.rounds.push(await measure(subject, running));
        }
      }
    } finally {
      await Promise.all(started.map(({ running }) => stop(running)));
    }
  }
  return measured;
}
