/** Buckets for tests and stacks, by the S3 protocol alone: with any server. */
import {
  AbortMultipartUploadCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  S3Client,
} from '@aws-sdk/client-s3';

export type BucketAddress = {
  readonly endpoint: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly bucket: string;
};

/** Pages of a listing that are followed, of up to 1,000 entries each. */
const maxPages = 1_000;

/** The address of a bucket on the server `http://ACCESS_KEY:SECRET_KEY@HOST:PORT`, as tests are given it. */
export function bucketAddress(server: string, bucket: string): BucketAddress {
  const { origin, username, password } = new URL(server);
  return {
    endpoint: origin,
    accessKey: decodeURIComponent(username),
    secretKey: decodeURIComponent(password),
    bucket,
  };
}

/** The settings by which the product uses a bucket. */
export function bucketSettings({ endpoint, accessKey, secretKey, bucket }: BucketAddress): Record<string, string> {
  return {
    STORAGE_URL: `s3://${bucket}?endpoint=${endpoint}`,
    STORAGE_ACCESS_KEY: accessKey,
    STORAGE_SECRET_KEY: secretKey,
  };
}

/** A client for what a test asks the server itself; destroy it at the end. */
export function bucketClient({ endpoint, accessKey, secretKey }: BucketAddress): S3Client {
  return new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
}

async function withClient<T>(address: BucketAddress, use: (client: S3Client) => Promise<T>): Promise<T> {
  const client = bucketClient(address);
  try {
    return await use(client);
  } finally {
    client.destroy();
  }
}

/** Makes an empty bucket. One that is there already and ours stays as it is. */
export function createBucket(address: BucketAddress): Promise<void> {
  return withClient(address, async (client) => {
    await client.send(new CreateBucketCommand({ Bucket: address.bucket }));
  });
}

/** Keys of the objects in a bucket. */
export const bucketObjects = (address: BucketAddress): Promise<string[]> =>
  withClient(address, (client) => listObjects(client, address.bucket));

async function listObjects(client: S3Client, bucket: string): Promise<string[]> {
  const objects: string[] = [];
  let token: string | undefined;
  for (let page = 0; page < maxPages; page += 1) {
    const listed = await client.send(new ListObjectsV2Command({ Bucket: bucket, ContinuationToken: token }));
    for (const { Key: key } of listed.Contents ?? []) if (key !== undefined) objects.push(key);
    token = listed.NextContinuationToken;
    if (token === undefined) break;
  }
  return objects;
}

/** What lies in a bucket: keys of objects, and of uploads that were begun and not ended. */
export function bucketContents(
  address: BucketAddress,
): Promise<{ readonly objects: string[]; readonly uploads: { readonly key: string; readonly id: string }[] }> {
  return withClient(address, async (client) => {
    const objects = await listObjects(client, address.bucket);
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: address.bucket }));
    const uploads = Uploads.flatMap(({ Key: key, UploadId: id }) =>
      key === undefined || id === undefined ? [] : [{ key, id }],
    );
    return { objects, uploads };
  });
}

/** Removes everything in a bucket, uploads that were begun included. */
export async function emptyBucket(address: BucketAddress): Promise<void> {
  const { objects, uploads } = await bucketContents(address);
  await withClient(address, async (client) => {
    const { bucket: Bucket } = address;
    for (const Key of objects) await client.send(new DeleteObjectCommand({ Bucket, Key }));
    for (const { key: Key, id: UploadId } of uploads)
      await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
  });
}

/** Removes a bucket with everything in it. */
export async function removeBucket(address: BucketAddress): Promise<void> {
  await emptyBucket(address);
  await withClient(address, (client) => client.send(new DeleteBucketCommand({ Bucket: address.bucket })));
}

/** Bounds what a bucket takes: of Ceph's gateway alone, by its administration, which the key has to be allowed. */
export function limitBucket(address: BucketAddress, maxKilobytes: number): Promise<void> {
  const query = { quota: '', uid: 'app', bucket: address.bucket, 'max-size-kb': String(maxKilobytes), enabled: 'true' };
  return administer(address, '/admin/bucket', query);
}

/** Makes another user, who may do nothing in the buckets of others: of Ceph's gateway alone, in the same way. */
export async function addS3User(
  address: BucketAddress,
  user: { readonly name: string; readonly accessKey: string; readonly secretKey: string },
): Promise<void> {
  const { name, accessKey, secretKey } = user;
  const keys = { 'access-key': accessKey, 'secret-key': secretKey };
  await administer(address, '/admin/user', { uid: name, 'display-name': name, ...keys, format: 'xml' });
}

/** Lets that user do some things in the bucket, such as `s3:PutObject`, and takes from him what he was allowed before. */
export async function allowInBucket(address: BucketAddress, user: string, actions: readonly string[]): Promise<void> {
  const { bucket } = address;
  const statement = {
    Effect: 'Allow',
    Principal: { AWS: [`arn:aws:iam:::user/${user}`] },
    Action: actions,
    Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
  };
  const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
  await withClient(address, (client) => client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy })));
}

/** Asks Ceph's administration, which S3's own protocol knows nothing of. */
function administer(address: BucketAddress, path: string, query: Readonly<Record<string, string>>): Promise<void> {
  return withClient(address, async (client) => {
    // The client signs what it sends: any command will do.
    const command = new ListBucketsCommand({});
    command.middlewareStack.add(
      (next) => (given) => {
        if (typeof given.request === 'object' && given.request !== null) {
          Object.assign(given.request, { method: 'PUT', path, query });
        }
        return next(given);
      },
      { name: 'administration', step: 'build' },
    );
    await client.send(command);
  });
}
