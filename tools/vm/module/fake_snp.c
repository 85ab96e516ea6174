// SPDX-License-Identifier: MIT OR GPL-2.0-only
// What an SEV-SNP guest offers for reports, without the hardware: a provider of configfs-tsm and
// /dev/sev-guest, over bytes that a test writes to /sys/kernel/fake_snp. For virtual machines of
// tests only.
#include <linux/fs.h>
#include <linux/kobject.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/tsm.h>
#include <linux/uaccess.h>
#include <uapi/linux/sev-guest.h>

#define REPORT_BYTES 1184
#define VMPL_OFFSET 0x30
#define REPORT_DATA_OFFSET 0x50
/* Status, size, reserved: in front of a report in a response of the firmware. */
#define RESPONSE_HEADER_BYTES 32
#define MAX_CERTIFICATES_BYTES (4 * PAGE_SIZE)
#define FIRMWARE_INVALID_PARAM 0x16

static unsigned int privlevel_floor;
module_param(privlevel_floor, uint, 0444);
MODULE_PARM_DESC(privlevel_floor, "lowest privilege level of this guest");

static DEFINE_MUTEX(lock);
static u8 report_bytes[REPORT_BYTES];
static u8 certificates[MAX_CERTIFICATES_BYTES];
static unsigned int certificates_bytes;

/* The next requests fail, as many as are left. */
static struct {
	unsigned int left;
	int error;
	u32 firmware_error;
	u32 vmm_error;
} fault;
/* Requests that reached the firmware. */
static unsigned int requests;

/* Under the lock: 0, or what a request fails with. */
static int take_fault(u32 *firmware_error, u32 *vmm_error)
{
	requests++;
	if (fault.left == 0)
		return 0;
	fault.left--;
	*firmware_error = fault.firmware_error;
	*vmm_error = fault.vmm_error;
	return -fault.error;
}

static void fill_report(u8 *report, const u8 *report_data, u32 vmpl)
{
	memcpy(report, report_bytes, REPORT_BYTES);
	memcpy(report + VMPL_OFFSET, &vmpl, sizeof(vmpl));
	memcpy(report + REPORT_DATA_OFFSET, report_data, SNP_REPORT_USER_DATA_SIZE);
}

/* configfs-tsm */

static int tsm_new_report(struct tsm_report *report, void *data)
{
	u32 firmware_error = 0, vmm_error = 0;
	u8 *blob, *auxiliary = NULL;
	int error;

	if (report->desc.inblob_len != SNP_REPORT_USER_DATA_SIZE)
		return -EINVAL;
	mutex_lock(&lock);
	error = take_fault(&firmware_error, &vmm_error);
	if (error)
		goto unlock;
	error = -ENOMEM;
	/* The kernel frees both with kvfree(). */
	blob = kvzalloc(REPORT_BYTES, GFP_KERNEL);
	if (!blob)
		goto unlock;
	if (certificates_bytes) {
		auxiliary = kvmalloc(certificates_bytes, GFP_KERNEL);
		if (!auxiliary) {
			kvfree(blob);
			goto unlock;
		}
		memcpy(auxiliary, certificates, certificates_bytes);
	}
	fill_report(blob, report->desc.inblob, report->desc.privlevel);
	report->outblob = blob;
	report->outblob_len = REPORT_BYTES;
	report->auxblob = auxiliary;
	report->auxblob_len = certificates_bytes;
	error = 0;
unlock:
	mutex_unlock(&lock);
	return error;
}

static bool is_attribute_visible(int attribute)
{
	switch (attribute) {
	case TSM_REPORT_GENERATION:
	case TSM_REPORT_PROVIDER:
	case TSM_REPORT_PRIVLEVEL:
	case TSM_REPORT_PRIVLEVEL_FLOOR:
		return true;
	}
	return false;
}

static bool is_blob_visible(int attribute)
{
	switch (attribute) {
	case TSM_REPORT_INBLOB:
	case TSM_REPORT_OUTBLOB:
	case TSM_REPORT_AUXBLOB:
		return true;
	}
	return false;
}

static struct tsm_ops provider = {
	.name = "sev_guest",
	.report_new = tsm_new_report,
	.report_attr_visible = is_attribute_visible,
	.report_bin_attr_visible = is_blob_visible,
};

/* /dev/sev-guest */

static int answer(const struct snp_report_req *request, void __user *response)
{
	struct snp_report_resp *filled = kzalloc(sizeof(*filled), GFP_KERNEL);
	u32 size = REPORT_BYTES;
	int error = 0;

	if (!filled)
		return -ENOMEM;
	memcpy(filled->data + sizeof(u32), &size, sizeof(size));
	fill_report(filled->data + RESPONSE_HEADER_BYTES, request->user_data, request->vmpl);
	if (copy_to_user(response, filled, sizeof(*filled)))
		error = -EFAULT;
	kfree(filled);
	return error;
}

static int get_report(struct snp_guest_request_ioctl *message)
{
	struct snp_report_req request;
	int error;

	if (copy_from_user(&request, u64_to_user_ptr(message->req_data), sizeof(request)))
		return -EFAULT;
	error = take_fault(&message->fw_error, &message->vmm_error);
	if (error)
		return error;
	if (request.vmpl > TSM_PRIVLEVEL_MAX || request.vmpl < privlevel_floor) {
		message->fw_error = FIRMWARE_INVALID_PARAM;
		return -EIO;
	}
	return answer(&request, u64_to_user_ptr(message->resp_data));
}

static int get_extended_report(struct snp_guest_request_ioctl *message)
{
	struct snp_ext_report_req request;
	void __user *address = u64_to_user_ptr(message->req_data);
	u32 needed = PAGE_ALIGN(certificates_bytes);
	u8 *pages;
	int error;

	if (copy_from_user(&request, address, sizeof(request)))
		return -EFAULT;
	if (!PAGE_ALIGNED(request.certs_len) || request.certs_len > MAX_CERTIFICATES_BYTES)
		return -EINVAL;
	if (request.certs_len < needed) {
		request.certs_len = needed;
		if (copy_to_user(address, &request, sizeof(request)))
			return -EFAULT;
		message->vmm_error = SNP_GUEST_VMM_ERR_INVALID_LEN;
		return -EIO;
	}
	error = get_report(message);
	if (error || !needed)
		return error;
	pages = kvzalloc(needed, GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	memcpy(pages, certificates, certificates_bytes);
	if (copy_to_user(u64_to_user_ptr(request.certs_address), pages, needed))
		error = -EFAULT;
	kvfree(pages);
	return error;
}

static long device_ioctl(struct file *file, unsigned int code, unsigned long argument)
{
	struct snp_guest_request_ioctl message;
	void __user *address = (void __user *)argument;
	long error;

	if (copy_from_user(&message, address, sizeof(message)))
		return -EFAULT;
	if (!message.msg_version)
		return -EINVAL;
	message.exitinfo2 = 0;
	mutex_lock(&lock);
	switch (code) {
	case SNP_GET_REPORT:
		error = get_report(&message);
		break;
	case SNP_GET_EXT_REPORT:
		error = get_extended_report(&message);
		break;
	default:
		error = -ENOTTY;
	}
	mutex_unlock(&lock);
	if (message.exitinfo2 && copy_to_user(address, &message, sizeof(message)))
		return -EFAULT;
	return error;
}

static const struct file_operations device_operations = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = device_ioctl,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "sev-guest",
	.fops = &device_operations,
};

/* /sys/kernel/fake_snp */

static ssize_t write_report(struct file *file, struct kobject *kobject, struct bin_attribute *attribute,
			    char *data, loff_t offset, size_t count)
{
	mutex_lock(&lock);
	memcpy(report_bytes + offset, data, count);
	mutex_unlock(&lock);
	return count;
}

static ssize_t write_certificates(struct file *file, struct kobject *kobject,
				  struct bin_attribute *attribute, char *data, loff_t offset,
				  size_t count)
{
	mutex_lock(&lock);
	memcpy(certificates + offset, data, count);
	/* A table is written from its start. */
	certificates_bytes = offset + count;
	mutex_unlock(&lock);
	return count;
}

/* Sizes are checked by sysfs, before these are called. */
static BIN_ATTR(report, 0200, NULL, write_report, REPORT_BYTES);
static BIN_ATTR(certificates, 0200, NULL, write_certificates, MAX_CERTIFICATES_BYTES);

static ssize_t fault_store(struct kobject *kobject, struct kobj_attribute *attribute,
			   const char *text, size_t count)
{
	unsigned int left, error, firmware_error, vmm_error;

	if (sscanf(text, "%u %u %u %u", &left, &error, &firmware_error, &vmm_error) != 4)
		return -EINVAL;
	if (error < 1 || error > MAX_ERRNO)
		return -EINVAL;
	mutex_lock(&lock);
	fault.left = left;
	fault.error = error;
	fault.firmware_error = firmware_error;
	fault.vmm_error = vmm_error;
	mutex_unlock(&lock);
	return count;
}

static ssize_t requests_show(struct kobject *kobject, struct kobj_attribute *attribute, char *text)
{
	ssize_t count;

	mutex_lock(&lock);
	count = sysfs_emit(text, "%u\n", requests);
	mutex_unlock(&lock);
	return count;
}

static struct kobj_attribute fault_attribute = __ATTR_WO(fault);
static struct kobj_attribute requests_attribute = __ATTR_RO(requests);

static struct attribute *attributes[] = {
	&fault_attribute.attr,
	&requests_attribute.attr,
	NULL,
};

static struct bin_attribute *binary_attributes[] = {
	&bin_attr_report,
	&bin_attr_certificates,
	NULL,
};

static const struct attribute_group group = {
	.attrs = attributes,
	.bin_attrs = binary_attributes,
};

static struct kobject *folder;

static int __init start(void)
{
	int error;

	folder = kobject_create_and_add("fake_snp", kernel_kobj);
	if (!folder)
		return -ENOMEM;
	error = sysfs_create_group(folder, &group);
	if (error)
		goto remove_folder;
	provider.privlevel_floor = privlevel_floor;
	error = tsm_register(&provider, NULL);
	if (error)
		goto remove_folder;
	error = misc_register(&device);
	if (error)
		goto unregister_provider;
	return 0;
unregister_provider:
	tsm_unregister(&provider);
remove_folder:
	kobject_put(folder);
	return error;
}

static void __exit stop(void)
{
	misc_deregister(&device);
	tsm_unregister(&provider);
	kobject_put(folder);
}

module_init(start);
module_exit(stop);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Reports of an SEV-SNP guest, for tests without the hardware");
