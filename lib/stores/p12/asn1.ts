import forge from 'node-forge';

/** The bytes are not what they should be. Nothing of them is in the message. */
export class MalformedP12 extends Error {}

/** A part of a PKCS#12 file. */
export type Node = forge.asn1.Asn1;

/** Reads DER, or the BER of old exports. */
export function parse(bytes: Buffer): Node {
  return forge.asn1.fromDer(forge.util.createBuffer(bytes.toString('latin1')), true);
}

/** The parts of a constructed value. */
export function partsOf(node: Node | undefined): readonly Node[] {
  if (!node || !Array.isArray(node.value)) throw new MalformedP12('a sequence is missing');
  return node.value;
}

/** The bytes of an octet string, which BER may hand out in pieces; or of a bare value. */
export function bytesOf(node: Node | undefined): Buffer {
  if (!node) throw new MalformedP12('a value is missing');
  if (typeof node.value === 'string') return Buffer.from(node.value, 'latin1');
  return Buffer.concat(node.value.map(bytesOf));
}

/** The dotted form of an object identifier. */
export function oidOf(node: Node | undefined): string {
  if (!node || typeof node.value !== 'string') throw new MalformedP12('an identifier is missing');
  return forge.asn1.derToOid(node.value);
}

/** The whole of a part, as it stands in the file. */
export function derOf(node: Node | undefined): Buffer {
  if (!node) throw new MalformedP12('a value is missing');
  return Buffer.from(forge.asn1.toDer(node).getBytes(), 'latin1');
}
