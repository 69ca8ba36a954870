import { randomBytes, sign } from 'node:crypto';

const DAY_MS = 86_400_000;

/**
 * Makes an X.509 v1 certificate as PEM: a serial number, a name, two dates and a key.
 *
 * @param publicKey PEM or DER of SPKI
 * @param serial hexadecimal
 * @param privateKey signs it; without one the signature is noise, which nobody looks at who only
 * wants the key (10,000 of them would take a while)
 */
export function makeCertificate({ publicKey, serial, commonName, privateKey }) {
  const algorithm = sequence(oid('2a864886f70d01010b'), der(0x05));
  const name = sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(commonName)))));
  const now = Date.now();
  const tbs = sequence(
    integer(serial),
    algorithm,
    name,
    sequence(time(new Date(now - DAY_MS)), time(new Date(now + 5 * 365 * DAY_MS))),
    name,
    bytesOf(publicKey),
  );
  const signature = privateKey ? sign('sha256', tbs, privateKey) : randomBytes(256);
  const bytes = sequence(tbs, algorithm, der(0x03, Buffer.concat([Buffer.from([0]), signature])));
  const lines = bytes.toString('base64').match(/.{1,64}/g);
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function bytesOf(pem) {
  return Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64');
}

function der(tag, ...parts) {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}

function sequence(...parts) {
  return der(0x30, ...parts);
}

function oid(hex) {
  return der(0x06, Buffer.from(hex, 'hex'));
}

/** DER keeps no leading zero bytes but one in front of a high bit. */
function integer(hex) {
  const bytes = Buffer.from(hex.replace(/^(?:00)+(?=..)/, ''), 'hex');
  return der(0x02, bytes[0] >= 128 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

/** GeneralizedTime. */
function time(date) {
  return der(0x18, Buffer.from(date.toISOString().replace(/[-:T]|\.\d+/g, '')));
}
