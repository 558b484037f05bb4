"""moto's S3 and EC2 on a free port, with checks of signatures and rights: a user whose keys may use S3 and stop instances, the bucket
reflex-bucket, and one running instance.

Prints `URL ACCESS_KEY_ID SECRET_ACCESS_KEY INSTANCE_ID` once it serves, and ends when its standard input does.
"""
import json
import logging
import os
import sys

# Calls before the check begins: those of prepare() below.
SETUP_CALLS = 6
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = str(SETUP_CALLS)
os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "true"
logging.getLogger("werkzeug").setLevel(logging.CRITICAL)

import boto3  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402

REGION = "eu-central-1"
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:*", "ec2:StopInstances"], "Resource": "*"}]}


def client(service, url):
    return boto3.client(service, region_name=REGION, endpoint_url=url, aws_access_key_id="setup", aws_secret_access_key="setup")


def prepare(url):
    iam, s3, ec2 = client("iam", url), client("s3", url), client("ec2", url)
    iam.create_user(UserName="reflex")
    iam.put_user_policy(UserName="reflex", PolicyName="reflex", PolicyDocument=json.dumps(POLICY))
    s3.create_bucket(Bucket="reflex-bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    image = ec2.describe_images()["Images"][0]["ImageId"]
    instance = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    key = iam.create_access_key(UserName="reflex")["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"], instance


def main():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    print(url, *prepare(url), flush=True)
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main()
