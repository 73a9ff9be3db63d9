"""MariaDB servers of a test: started in a network namespace, with a folder of their own, ended by pid."""
import os
import shutil
import subprocess
import threading
import time

from wire import end

PROGRAMS = ("mariadbd", "mariadb", "mariadb-install-db", "mariadb-binlog")
QUIET = dict(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
END_OF_ANSWER = "-- end of the answer --"


def missing():
    return [p for p in PROGRAMS if not shutil.which(p)]


def template(folder):
    """An empty data directory, which each server copies."""
    path = os.path.join(folder, "template")
    subprocess.run(["mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={path}", "--skip-test-db",
                    "--auth-root-authentication-method=normal", "--innodb-log-file-size=16M"],
                   check=True, capture_output=True)
    return path


class Client:
    """One session over the server's socket: `ask` waits for the answer, `feed` for nothing but room."""

    def __init__(self, sock):
        self.p = subprocess.Popen(
            ["mariadb", "--no-defaults", f"--socket={sock}", "--user=root", "--batch", "--skip-column-names",
             "--unbuffered", "--binary-mode", "--default-character-set=utf8mb4"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.errors = []
        self.reader = threading.Thread(target=lambda: self.errors.extend(self.p.stderr), daemon=True)
        self.reader.start()
        self.feed("SET SESSION time_zone='+00:00', sql_mode='';\n")

    def feed(self, text):
        try:
            self.p.stdin.write(text.encode())
        except BrokenPipeError:
            self.fail(text)

    def ask(self, sql):
        """Rows, as lists of text."""
        self.feed(f"{sql};\nSELECT '{END_OF_ANSWER}';\n")
        try:
            self.p.stdin.flush()
        except BrokenPipeError:
            self.fail(sql)
        rows = []
        while True:
            line = self.p.stdout.readline()
            if not line:
                self.fail(sql)
            line = line.decode(errors="replace").rstrip("\n")
            if line == END_OF_ANSWER:
                return rows
            rows.append(line.split("\t"))

    def fail(self, sql):
        self.p.kill()
        self.p.wait()
        self.reader.join()
        raise RuntimeError(f"mariadb: {b''.join(self.errors).decode()[-800:]}\nafter {sql[-300:]}")

    def close(self):
        """Waits until the server has done all that it was fed."""
        sql = "the last statement"
        try:
            self.p.stdin.close()
        except BrokenPipeError:
            self.fail(sql)
        self.p.stdout.read()
        if self.p.wait():
            self.fail(sql)
        self.reader.join()


class Server:
    def __init__(self, folder, name, server_id, options=(), prefix=()):
        """prefix: what puts a command into the server's network namespace."""
        self.dir, self.sock = os.path.join(folder, name), os.path.join(folder, name + ".sock")
        self.log = os.path.join(folder, name + ".err")
        shutil.copytree(os.path.join(folder, "template"), self.dir)
        self.args = [*prefix, "mariadbd", "--no-defaults", "--user=root", f"--datadir={self.dir}",
                     f"--socket={self.sock}", f"--pid-file={self.dir}/pid", "--port=3306", "--bind-address=*",
                     f"--server-id={server_id}", "--skip-name-resolve", "--character-set-server=utf8mb4",
                     "--default-time-zone=+00:00", "--sql-mode=", f"--log-error={self.log}",
                     "--performance-schema=OFF", "--innodb-buffer-pool-size=96M", "--innodb-log-file-size=16M",
                     "--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--sync-binlog=0",
                     "--max-allowed-packet=64M", *options]
        self.p = self.admin = None
        self.clients = []
        self.start()

    def start(self):
        self.p = subprocess.Popen(self.args, **QUIET)
        for _ in range(600):
            try:
                self.admin = Client(self.sock)
                self.admin.ask("SELECT 1")
                return
            except RuntimeError:
                if self.p.poll() is not None:
                    break
                time.sleep(0.05)
        with open(self.log, encoding="utf-8", errors="replace") as f:
            raise RuntimeError(f.read()[-3000:])

    def client(self):
        self.clients.append(Client(self.sock))
        return self.clients[-1]

    def ask(self, sql):
        return self.admin.ask(sql)

    def value(self, sql):
        return self.ask(sql)[0][0]

    def kill(self):
        """As if the power went."""
        for p in (self.p, self.admin.p):
            p.kill()
            p.wait()

    def stop(self):
        for c in (*self.clients, self.admin):
            end(c.p)
        end(self.p)
