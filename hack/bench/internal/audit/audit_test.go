package audit

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	step = `{"requestURI":"/api/v1/namespaces/n/replicationcontrollers/tomcat?fieldManager=rcroll-agent","verb":"patch",` +
		`"user":{"username":"system:serviceaccount:rcroll-system:rcroll-agent"},"objectRef":{"resource":"replicationcontrollers","namespace":"n"},` +
		`"responseStatus":{"code":200}}` + "\n"
	validation = `{"requestURI":"/api/v1/namespaces/n/replicationcontrollers?dryRun=All","verb":"create",` +
		`"user":{"username":"system:serviceaccount:rcroll-system:rcroll-webhook"},"objectRef":{"resource":"replicationcontrollers","namespace":"n"},` +
		`"responseStatus":{"code":422}}` + "\n"
	status = `{"requestURI":"/x","verb":"update","user":{"username":"system:serviceaccount:kube-system:replication-controller"},` +
		`"objectRef":{"resource":"replicationcontrollers","namespace":"n","subresource":"status"},"responseStatus":{"code":200}}` + "\n"
	event = `{"requestURI":"/x","verb":"create","user":{"username":"kwok"},"objectRef":{"resource":"events","namespace":"n"}}` + "\n"
)

func readAll(t *testing.T, log *Log) []Request {
	t.Helper()
	var requests []Request
	require.NoError(t, log.Read(func(r Request) { requests = append(requests, r) }))
	return requests
}

func TestParse(t *testing.T) {
	request, err := parse([]byte(step))
	require.NoError(t, err)
	assert.Equal(t, Request{
		User: "system:serviceaccount:rcroll-system:rcroll-agent", Verb: "patch", Resource: "replicationcontrollers", Namespace: "n",
		Code: 200,
	}, request)
	request, err = parse([]byte(status))
	require.NoError(t, err)
	assert.Equal(t, "replicationcontrollers/status", request.Resource)
	_, err = parse([]byte("{"))
	assert.Error(t, err)
}

// TestLog writes, renames and half-writes as the API server does.
func TestLog(t *testing.T) {
	dir := t.TempDir()
	current := filepath.Join(dir, "audit.log")
	write := func(text string) {
		file, err := os.OpenFile(current, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		require.NoError(t, err)
		_, err = file.WriteString(text)
		require.NoError(t, err)
		require.NoError(t, file.Close())
	}
	write(step)
	log, err := Open(dir)
	require.NoError(t, err)
	assert.Empty(t, readAll(t, log), "what was there before is passed over")

	write(step + status[:20])
	assert.Len(t, readAll(t, log), 1)
	write(status[20:])
	assert.Len(t, readAll(t, log), 1, "a line is read when it has an end")

	write(validation)
	require.NoError(t, os.Rename(current, filepath.Join(dir, "audit-2026-01-01T00-00-00.000.log")))
	write(event)
	requests := readAll(t, log)
	require.Len(t, requests, 2, "nothing is lost or read twice when the file is renamed")
	assert.Equal(t, "create", requests[0].Verb)
	assert.Equal(t, Events, requests[1].Resource)
	assert.Empty(t, readAll(t, log))
}

func TestCounts(t *testing.T) {
	counts := Counts{}
	for _, line := range []string{step, step, validation, status, event} {
		request, err := parse([]byte(line))
		require.NoError(t, err)
		counts.Add(request)
	}
	assert.Equal(t, 3, counts.Writes())
	assert.Equal(t, 1, counts.EventWrites())
	assert.Equal(t, 0, counts.Reads())
	assert.Equal(t, 2, counts[Key{Who: "rcroll agent", Verb: "patch", Resource: "replicationcontrollers"}])
	assert.Equal(t, 1, counts[Key{Who: "rcroll webhook", Verb: DryRun, Resource: "replicationcontrollers"}])
	assert.Equal(t, 1, counts[Key{Who: "replication-controller", Verb: "update", Resource: "replicationcontrollers/status"}])
}
