//! The secure timestamp: an RFC 3161 token, itself a SignedData over a TSTInfo that names the digest of the outer signature.

use super::ber::{self, Reader};
use super::certificate;
use super::keys::Digest;
use super::signed_data::{self, MESSAGE_DIGEST, SignedData};
use super::{Certificate, Timestamp};
use crate::read::ReadError;

const TST_INFO: &str = "1.2.840.113549.1.9.16.1.4";
/// Extended key usage `timeStamping` (RFC 5280 §4.2.1.12).
const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";

/// What a TSTInfo says.
struct TstInfo {
    time: i64,
    digest: Option<Digest>,
    imprint: Vec<u8>,
}

/// Reads a token and checks it against the `signature` it was made for. An error when its time cannot be read.
pub(super) fn read(token: &[u8], signature: &[u8]) -> Result<Timestamp, ReadError> {
    let data = signed_data::signed_data(token)?;
    if data.content_type != TST_INFO {
        return Err(ReadError::new("timestamp token without a TSTInfo", 0));
    }
    let content = data.content.clone().ok_or_else(|| ReadError::new("timestamp token without content", 0))?;
    let info = tst_info(&content)?;
    let mut stamp = Timestamp {
        time: info.time,
        chain: Vec::new(),
        signature_verifies: false,
        digest_matches: false,
        imprint_matches: info.digest.is_some_and(|digest| digest.of(signature) == info.imprint),
        is_within_validity: false,
        is_for_timestamping: false,
        faults: Vec::new(),
    };
    if let Err(fault) = judge(&mut stamp, &data, &content) {
        stamp.faults.push(fault);
    }
    Ok(stamp)
}

fn tst_info(content: &[u8]) -> Result<TstInfo, ReadError> {
    let mut outer = Reader::ber(content);
    let info = outer.expect(0x30, "a TSTInfo")?;
    let mut fields = outer.enter(&info)?;
    fields.expect(0x02, "a version")?;
    fields.expect(0x06, "a policy")?;
    let imprint = fields.expect(0x30, "a message imprint")?;
    let mut imprint = fields.enter(&imprint)?;
    let algorithm = imprint.expect(0x30, "a digest algorithm")?;
    let digest = imprint.enter(&algorithm)?.next()?.and_then(|element| ber::oid(&element)).and_then(|oid| Digest::from_oid(&oid));
    let imprint = imprint.expect(0x04, "a digest")?.body.to_vec();
    fields.expect(0x02, "a serial number")?;
    let time = fields.expect(0x18, "a time")?;
    let time = ber::time(&time).ok_or_else(|| ReadError::new("timestamp with a time that cannot be read", time.offset))?;
    Ok(TstInfo { time, digest, imprint })
}

/// The signer's part: who stamped, and does it hold.
fn judge(stamp: &mut Timestamp, data: &SignedData<'_>, content: &[u8]) -> Result<(), ReadError> {
    let mut signers = data.signers.clone();
    let signer = signed_data::signer_info(&mut signers)?;
    let certificates = signed_data::read_certificates(data, &mut stamp.faults);
    stamp.chain = signed_data::chain(&certificates, &signer);
    let leaf = stamp.chain.first().ok_or_else(|| ReadError::new("timestamp token without its signer's certificate", 0))?;
    stamp.is_for_timestamping = leaf.purposes.as_ref().is_some_and(|purposes| purposes.iter().any(|one| one == TIME_STAMPING));
    stamp.is_within_validity = stamp.chain.iter().all(|certificate| certificate.is_valid_at(stamp.time));
    let attributes = signed_data::attributes(&signer, signer.signed.as_ref(), &mut stamp.faults);
    let named = signed_data::octets(&attributes, MESSAGE_DIGEST);
    stamp.digest_matches = signer.digest.zip(named).is_some_and(|(digest, named)| digest.of(content) == named);
    let parts = certificate::parts(&leaf.der)?;
    let digest = signer.signature_algorithm.as_deref().and_then(Digest::from_oid).or(signer.digest);
    // RFC 3161 §2.4.2 demands signed attributes, so a token without them does not verify.
    stamp.signature_verifies = digest
        .zip(signer.signed.as_ref())
        .is_some_and(|(digest, set)| signed_data::verifies_attributes(parts.public_key, digest, set, &attributes, &signer.signature));
    Ok(())
}

impl Certificate {
    /// `seconds` since 1970 UTC lie in the certificate's validity.
    pub fn is_valid_at(&self, seconds: i64) -> bool {
        (self.not_before..=self.not_after).contains(&seconds)
    }
}
