import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MediaType } from '../../functions/oci/media-type.ts';
import { digestFromHex, digestOfBytes } from '../../functions/oci/digest.ts';
import { serialiseImageConfig } from '../../functions/oci/image-config.ts';
import { serialiseImageIndex } from '../../functions/oci/image-index.ts';
import { serialiseManifest } from '../../functions/oci/manifest.ts';
import { architectureOf } from '../../functions/oci/platform.ts';

const [a, b, c] = [digestFromHex('a'.repeat(64)), digestFromHex('b'.repeat(64)), digestFromHex('c'.repeat(64))];

describe('a manifest', () => {
  const image = {
    config: { mediaType: MediaType.config, digest: a, size: 100 },
    layers: [
      { mediaType: MediaType.layerGzip, digest: b, size: 200 },
      { mediaType: MediaType.layerGzip, digest: c, size: 300 },
    ],
  };

  it('has these bytes, and their digest', () => {
    const manifest = serialiseManifest(image);
    assert.equal(
      manifest.bytes.toString(),
      '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",' +
        `"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"${a}","size":100},` +
        `"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"${b}","size":200},` +
        `{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"${c}","size":300}]}`,
    );
    assert.equal(manifest.digest, 'sha256:e86d7a29ea7bb3076462242077d59a4bf6872f60441ff884382f7e28c0bd629c');
    assert.equal(manifest.mediaType, 'application/vnd.oci.image.manifest.v1+json');
  });

  it('has annotations behind its layers when there are any', () => {
    const annotations = { 'org.opencontainers.image.revision': '0123' };
    const { bytes } = serialiseManifest({ ...image, annotations });
    assert.ok(bytes.toString().endsWith('}],"annotations":{"org.opencontainers.image.revision":"0123"}}'));
  });

  it('keeps the layers in their order', () => {
    const turned = serialiseManifest({ ...image, layers: image.layers.toReversed() });
    assert.notEqual(turned.digest, serialiseManifest(image).digest);
  });
});

describe('an image index', () => {
  const entry = (architecture: 'amd64' | 'arm64', digest: typeof b) => ({
    ...{ mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size: 7 },
    platform: { architecture, os: 'linux' } as const,
  });

  it('has these bytes, whatever the order of its manifests', () => {
    const [amd64, arm64] = [entry('amd64', b), entry('arm64', c)];
    const { bytes, digest } = serialiseImageIndex([arm64, amd64]);
    assert.equal(
      bytes.toString(),
      '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[' +
        `{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"${b}","size":7,` +
        '"platform":{"architecture":"amd64","os":"linux"}},' +
        `{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"${c}","size":7,` +
        '"platform":{"architecture":"arm64","os":"linux"}}]}',
    );
    assert.equal(digest, digestOfBytes(bytes));
    assert.ok(serialiseImageIndex([amd64, arm64]).bytes.equals(bytes));
  });
});

describe('an image config', () => {
  const config = {
    architecture: 'amd64',
    diffIds: [b, c],
    env: ['PATH=/bin', 'SSL_CERT_FILE=/etc/ssl/certs/ca-bundle.crt'],
    cmd: ['bash'],
    labels: { 'org.opencontainers.image.source': 'x', 'org.opencontainers.image.revision': '0123' },
  } as const;

  it('has these bytes', () => {
    assert.equal(
      serialiseImageConfig(config).toString(),
      '{"created":"1970-01-01T00:00:01Z","architecture":"amd64","os":"linux",' +
        '"config":{"Env":["PATH=/bin","SSL_CERT_FILE=/etc/ssl/certs/ca-bundle.crt"],"Cmd":["bash"],"WorkingDir":"/",' +
        '"Labels":{"org.opencontainers.image.revision":"0123","org.opencontainers.image.source":"x"}},' +
        `"rootfs":{"type":"layers","diff_ids":["${b}","${c}"]},` +
        '"history":[{"created":"1970-01-01T00:00:01Z","created_by":"nixery-run"},' +
        '{"created":"1970-01-01T00:00:01Z","created_by":"nixery-run"}]}',
    );
  });

  it('is dated by what is in it, where that has a date', () => {
    const dated = serialiseImageConfig({ ...config, madeAtS: 1_782_000_061 }).toString();
    assert.equal(
      dated,
      '{"created":"2026-06-21T00:01:01Z","architecture":"amd64","os":"linux",' +
        '"config":{"Env":["PATH=/bin","SSL_CERT_FILE=/etc/ssl/certs/ca-bundle.crt"],"Cmd":["bash"],"WorkingDir":"/",' +
        '"Labels":{"org.opencontainers.image.created":"2026-06-21T00:01:01Z",' +
        '"org.opencontainers.image.revision":"0123","org.opencontainers.image.source":"x"}},' +
        `"rootfs":{"type":"layers","diff_ids":["${b}","${c}"]},` +
        '"history":[{"created":"2026-06-21T00:01:01Z","created_by":"nixery-run"},' +
        '{"created":"2026-06-21T00:01:01Z","created_by":"nixery-run"}]}',
    );
    const createdOf = (madeAtS: number) =>
      (JSON.parse(serialiseImageConfig({ ...config, madeAtS }).toString()) as { created: string }).created;
    assert.equal(createdOf(0), '1970-01-01T00:00:00Z');
    assert.equal(createdOf(253_402_300_799), '9999-12-31T23:59:59Z');
    // Git knows dates that RFC 3339 does not.
    for (const strange of [-1, 253_402_300_800, Number.NaN, Infinity])
      assert.equal(createdOf(strange), '1970-01-01T00:00:01Z');
  });

  it('does not depend on the order of the labels', () => {
    const labels = Object.fromEntries(Object.entries(config.labels).reverse());
    assert.ok(serialiseImageConfig({ ...config, labels }).equals(serialiseImageConfig(config)));
  });

  it('names no command when the image has none', () => {
    const { cmd, ...without } = config;
    assert.equal(cmd[0], 'bash');
    assert.ok(!serialiseImageConfig(without).includes('Cmd'));
  });
});

describe('an architecture', () => {
  it("is named in Go's words", () => {
    assert.equal(architectureOf('x86_64-linux'), 'amd64');
    assert.equal(architectureOf('aarch64-linux'), 'arm64');
  });
});
