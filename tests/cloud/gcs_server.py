"""A Cloud Storage emulator (gcp-storage-emulator) in memory, on a free port, with the bucket reflex-bucket.

Prints its URL once it serves, and ends when its standard input does.
"""
import sys

from gcp_storage_emulator.server import create_server


def main():
    server = create_server("127.0.0.1", 0, in_memory=True, default_bucket="reflex-bucket")
    server.start()
    port = server._api._httpd.server_address[1]
    print(f"http://127.0.0.1:{port}", flush=True)
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main()
