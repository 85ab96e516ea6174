package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

type E struct {
	Name, NameHex, LinkNameHex, Type, CapabilityHex string
	Mode, UID, GID, Size, DeviceMajor, DeviceMinor  int64
}
type Out struct {
	Title       string `json:"title"`
	Type        string `json:"type"`
	Name        string `json:"name"`
	LinkName    string `json:"linkName,omitempty"`
	Mode        int64  `json:"mode"`
	UID         int64  `json:"uid"`
	GID         int64  `json:"gid"`
	Size        int64  `json:"size"`
	DeviceMajor int64  `json:"deviceMajor,omitempty"`
	DeviceMinor int64  `json:"deviceMinor,omitempty"`
	Capability  string `json:"capability,omitempty"`
	Length      int    `json:"headerLength"`
	Sha         string `json:"headerSha256"`
}

func main() {
	r := strings.Repeat
	cap := "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	type C struct {
		title, t, name, link           string
		mode, uid, gid, size, maj, min int64
		cap                            string
	}
	cs := []C{
		{"empty file", "0", "a", "", 0644, 0, 0, 0, 0, 0, ""},
		{"setuid file", "0", "bin/su", "", 04755, 0, 0, 12345, 0, 0, ""},
		{"folder", "5", "dir/", "", 01777, 1000, 1000, 0, 0, 0, ""},
		{"symbolic link", "2", "link", "target", 0777, 0, 0, 0, 0, 0, ""},
		{"hard link", "1", "hard", "bin/su", 04755, 0, 0, 0, 0, 0, ""},
		{"character device", "3", "dev/null", "", 0666, 0, 0, 0, 1, 3, ""},
		{"block device with large minor number", "4", "dev/nvme", "", 0660, 0, 6, 0, 259, 70000, ""},
		{"FIFO", "6", "fifo", "", 0600, 0, 0, 0, 0, 0, ""},
		{"name of 100 bytes", "0", r("n", 100), "", 0644, 0, 0, 1, 0, 0, ""},
		{"name of 101 bytes without slash", "0", r("n", 101), "", 0644, 0, 0, 1, 0, 0, ""},
		{"name that is split", "0", r("d", 60) + "/" + r("e", 60) + "/f", "", 0644, 0, 0, 1, 0, 0, ""},
		{"folder name that is split", "5", r("d", 80) + "/" + r("e", 80) + "/", "", 0755, 0, 0, 0, 0, 0, ""},
		{"folder name of 101 bytes with only the last slash", "5", r("d", 100) + "/", "", 0755, 0, 0, 0, 0, 0, ""},
		{"prefix of 155 bytes", "0", r("p", 155) + "/" + r("n", 100), "", 0644, 0, 0, 1, 0, 0, ""},
		{"prefix of 156 bytes", "0", r("p", 156) + "/n", "", 0644, 0, 0, 1, 0, 0, ""},
		{"rest of 101 bytes", "0", "p/" + r("n", 101), "", 0644, 0, 0, 1, 0, 0, ""},
		{"slash at the cut of a long name", "0", r("s", 99) + "/" + r("n", 101), "", 0644, 0, 0, 1, 0, 0, ""},
		{"folder with the last slash at the cut", "5", "d\xc3\xa9" + r("d", 98) + "/x/", "", 0755, 0, 0, 0, 0, 0, ""},
		{"name that is not ASCII", "0", "gr\xc3\xb6\xc3\x9fe/\xc3\xbc", "", 0644, 0, 0, 1, 0, 0, ""},
		{"folder name that is not ASCII", "5", "gr\xc3\xb6\xc3\x9fe/", "", 0755, 0, 0, 0, 0, 0, ""},
		{"name that is not UTF-8", "0", "bad\xff\xfe\x80name", "", 0644, 0, 0, 1, 0, 0, ""},
		{"link target of 101 bytes", "2", "l", r("t", 101), 0777, 0, 0, 0, 0, 0, ""},
		{"link target with a slash at the cut", "2", "l", r("t", 99) + "/" + r("u", 50), 0777, 0, 0, 0, 0, 0, ""},
		{"link target that is not ASCII", "2", "l", "\xc3\xbc", 0777, 0, 0, 0, 0, 0, ""},
		{"largest owner numbers in octal", "0", "a", "", 0644, 2097151, 2097151, 1, 0, 0, ""},
		{"owner numbers beyond octal", "0", "a", "", 0644, 2097152, 4294967294, 1, 0, 0, ""},
		{"largest size in octal", "0", "a", "", 0644, 0, 0, 8589934591, 0, 0, ""},
		{"size beyond octal", "0", "a", "", 0644, 0, 0, 8589934592, 0, 0, ""},
		{"capability", "0", "bin/ping", "", 0755, 0, 0, 1, 0, 0, cap},
		{"capability with a name that is split", "0", r("d", 60) + "/" + r("e", 60) + "/f", "", 0755, 0, 0, 1, 0, 0, cap},
		{"everything beyond ustar", "0", r("\xc3\xbc", 120) + "/x", "", 0755, 3000000, 3000000, 8589934592, 0, 0, cap},
		{"record whose length needs one more digit", "0", r("n", 1) + "/" + r("m", 0) + r("\xc3\xbc", 44) + "abc", "", 0644, 0, 0, 1, 0, 0, ""},
		{"record of 99 bytes", "0", r("\xc3\xbc", 44) + "a", "", 0644, 0, 0, 1, 0, 0, ""},
		{"record of 101 bytes", "0", r("\xc3\xbc", 44) + "ab", "", 0644, 0, 0, 1, 0, 0, ""},
		{"record of 1000 bytes", "0", r("x/\xc3\xbc", 246) + "abc", "", 0644, 0, 0, 1, 0, 0, ""},
	}
	outs := []Out{}
	for _, c := range cs {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		h := &tar.Header{Typeflag: c.t[0], Name: c.name, Linkname: c.link, Mode: c.mode, Uid: int(c.uid), Gid: int(c.gid), Size: c.size, Devmajor: c.maj, Devminor: c.min, ModTime: time.Unix(0, 0), Format: tar.FormatPAX}
		if c.cap != "" {
			h.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": c.cap}
		}
		if err := w.WriteHeader(h); err != nil {
			fmt.Fprintln(os.Stderr, c.title, err)
			os.Exit(1)
		}
		s := sha256.Sum256(b.Bytes())
		outs = append(outs, Out{c.title, c.t, hex.EncodeToString([]byte(c.name)), hex.EncodeToString([]byte(c.link)), c.mode, c.uid, c.gid, c.size, c.maj, c.min, hex.EncodeToString([]byte(c.cap)), b.Len(), hex.EncodeToString(s[:])})
	}
	j, _ := json.MarshalIndent(outs, "", "  ")
	fmt.Println(string(j))
}
