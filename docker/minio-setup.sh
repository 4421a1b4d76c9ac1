#!/bin/sh
# Makes the bucket, the user that the site works as, and the rights of everyone else: to read an object whose key they
# know, not to list any. Run at every start; what is there already stays.
set -eu

mc --quiet alias set site http://minio:9000 "$MINIO_ROOT_USER" "$MINIO_ROOT_PASSWORD" >/dev/null
mc --quiet mb --ignore-existing "site/$BUCKET"

cat >/tmp/everyone.json <<JSON
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Principal": { "AWS": ["*"] },
      "Action": ["s3:GetObject"],
      "Resource": ["arn:aws:s3:::$BUCKET/videos/*", "arn:aws:s3:::$BUCKET/users/*"]
    }
  ]
}
JSON
mc --quiet anonymous set-json /tmp/everyone.json "site/$BUCKET"

cat >/tmp/site.json <<JSON
{
  "Version": "2012-10-17",
  "Statement": [
    { "Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::$BUCKET", "arn:aws:s3:::$BUCKET/*"] }
  ]
}
JSON
# Adding a user who is there sets the password anew; creating a policy that is there replaces it.
mc --quiet admin user add site "$STORAGE_ACCESS_KEY" "$STORAGE_SECRET_KEY"
mc --quiet admin policy create site tiktok-server /tmp/site.json
# Attaching what is attached already is an error.
mc --quiet admin policy attach site tiktok-server --user "$STORAGE_ACCESS_KEY" ||
  mc --quiet admin user info site "$STORAGE_ACCESS_KEY" | grep -q tiktok-server
