// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {ERC721} from "@openzeppelin/contracts-shanghai/token/ERC721/ERC721.sol";
import {ERC721Enumerable} from "@openzeppelin/contracts-shanghai/token/ERC721/extensions/ERC721Enumerable.sol";
import {IERC165} from "@openzeppelin/contracts-shanghai/utils/introspection/IERC165.sol";
import {IOptimismMintableERC721} from "./IOptimismMintableERC721.sol";
import {RemoteURI} from "./RemoteURI.sol";

/// The image, on one chain, of a collection of ERC-721 tokens at home on the other. Only the bridge mints
/// and burns, against tokens that it keeps there.
contract OptimismMintableERC721 is ERC721Enumerable, IOptimismMintableERC721 {
    string public constant version = "1.4.0+varve.1";

    uint256 public immutable REMOTE_CHAIN_ID;
    address public immutable REMOTE_TOKEN;
    address public immutable BRIDGE;

    string public baseTokenURI;

    modifier onlyBridge() {
        require(msg.sender == BRIDGE, "OptimismMintableERC721: only bridge can call this function");
        _;
    }

    constructor(
        address _bridge,
        uint256 _remoteChainId,
        address _remoteToken,
        string memory _name,
        string memory _symbol
    ) ERC721(_name, _symbol) {
        REMOTE_CHAIN_ID = _remoteChainId;
        REMOTE_TOKEN = _remoteToken;
        BRIDGE = _bridge;
        baseTokenURI = RemoteURI.ask(_remoteChainId, _remoteToken, "tokenURI");
    }

    function safeMint(address _to, uint256 _tokenId) external onlyBridge {
        _safeMint(_to, _tokenId);
        emit Mint(_to, _tokenId);
    }

    /// Without an approval: the bridge has asked who owns the token.
    function burn(address _from, uint256 _tokenId) external onlyBridge {
        _burn(_tokenId);
        emit Burn(_from, _tokenId);
    }

    function supportsInterface(bytes4 _interfaceId) public view override(ERC721Enumerable, IERC165) returns (bool) {
        return _interfaceId == type(IOptimismMintableERC721).interfaceId || super.supportsInterface(_interfaceId);
    }

    function remoteChainId() external view returns (uint256) {
        return REMOTE_CHAIN_ID;
    }

    function remoteToken() external view returns (address) {
        return REMOTE_TOKEN;
    }

    function bridge() external view returns (address) {
        return BRIDGE;
    }

    function _baseURI() internal view override returns (string memory) {
        return baseTokenURI;
    }
}
